"""The exchange: declared instruments, rules, messages, and the compiled engine behind ``Exchange``."""
