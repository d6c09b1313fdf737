"""Input that must be refused, or nearly: earlier messages with one column spoilt."""

from __future__ import annotations

from twin.codes import MESSAGE_COLUMNS, Flag, Message
from wide.collapse import CollapsePen

HUGE = 1 << 62
SPOILT: dict[str, tuple[int, ...]] = {
    "kind": (0, 10, 18, 19, 35, 36, 99, -1),
    "account": (-1, 11, 10**6),
    "instrument": (-1, 0, 1, 5, 9, 40, 99),
    "side": (-1, 1, 2),
    "price": (0, -1, 1, 2, 3, 10, 50, 10**9, HUGE),
    "size": (0, -3, 1, 2, 10**9, 10**9 + 1),
    "flags": (1, 2, 3, 6, 12, 20, 34, 40, 64, 512, 1024, -1),
    "order": (0, -1, 1, 3, 10**9),
    "arg": (-2, -1, 1, 2, 3, 8, 31, 64, HUGE),
    "arg2": (-1, 1, 7, HUGE),
}
UNBOUNDED = {Message.NEW, Message.CONDITIONAL, Message.REPLACE, Message.MINT, Message.MERGE}
UNBOUNDED |= {Message.CONVERT, Message.WITHDRAW, Message.LEND, Message.REDEEM, Message.DISPUTE}
UNBOUNDED |= {Message.PROPOSE, Message.TRANSFER}


class NonsensePen(CollapsePen):
    def spoil(self) -> None:
        """Repeat an earlier message now, one or two columns wrong."""
        rng = self.rng
        message = list(rng.choice(self.messages[-400:]))
        message[0], message[11] = self.now, len(self.messages)
        for _ in range(rng.choice([0, 1, 1, 2])):
            name = rng.choice(sorted(SPOILT))
            message[MESSAGE_COLUMNS.index(name)] = rng.choice(SPOILT[name])
        if message[1] in UNBOUNDED and rng.random() < 0.05:
            message[MESSAGE_COLUMNS.index("size")] = rng.choice([HUGE, HUGE // 3, 1 << 44])
        if message[1] == Message.NEW and rng.random() < 0.8:
            self.next_order += 1
            message[8] = self.next_order
        self.messages.append(message)

    def spoil_order(self) -> None:
        """A new order that is wrong in one way."""
        rng = self.rng
        i, account = self.any_instrument(), self.any_account()
        price, size = self.near(i, 0.0), self.lots(i, 100)
        match rng.randrange(6):
            case 0:
                self.new(account, i, rng.randrange(2), rng.choice([0, price * 3, price // 3]), size)
            case 1:
                self.new(account, i, rng.randrange(2), price, 1)
            case 2:
                flags = int(rng.choice(list(Flag)) | rng.choice(list(Flag)))
                self.new(account, i, rng.randrange(2), price, size, flags)
            case 3:
                self.new(account, i, 0, price, size, Flag.GTD, arg2=self.now + rng.choice([-1, 0]))
            case 4:
                for _ in range(14):
                    self.new(account, i, 0, self.near(i, -0.03), max(1, size // 100))
            case 5:
                self.new(account, i, rng.randrange(2), price, size, Flag.POST_ONLY)
