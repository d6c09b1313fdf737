"""The inputs of a margin leg (MAR-11) as one line of words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def words(inputs: Mapping[str, Any]) -> str:
    """Names and numbers; of an offset or a portfolio leg what maintenance and initial margin see,
    said once where it is the same."""
    if not {"initial", "maintenance"} & set(inputs):
        return ", ".join(
            f"{k.replace('_', ' ')} {shown(v)}" for k, v in inputs.items() if v is not None
        )
    parts = {name: one(inputs[name]) for name in ("maintenance", "initial") if name in inputs}
    if len(parts) == 1:
        ((name, text),) = parts.items()
        return f"{name}: {text}"
    if parts["maintenance"] != parts["initial"]:
        return "; ".join(f"{name}: {text}" for name, text in parts.items())
    factor = inputs["initial"].get("factor", 1.0)
    return parts["maintenance"] + (f"; initial is {factor:g} of it" if factor != 1 else "")


def one(part: Mapping[str, Any]) -> str:
    """The term of a group (MAR-06), or of an underlying (MAR-07)."""
    return group(part) if "members" in part else underlying(part)


def group(part: Mapping[str, Any]) -> str:
    return (
        f"{', '.join(part['members'])}: net {part['net_usd']:,.2f} at {part['fraction']:.4%}"
        f" + {part['offset_ratio']:g} of min(long {part['long_usd']:,.2f},"
        f" short {part['short_usd']:,.2f})"
    )


def underlying(part: Mapping[str, Any]) -> str:
    """The worst point, what each part makes of it, and what binds."""
    worst = part["worst"]
    at = f"{worst['move']:+.2%}"
    if "price" in worst:
        at += f" ({worst['price']} of {worst['strike_of']})"
    if worst["weight"] != 1:
        at += f" at weight {worst['weight']:g}"
    at += "".join(f", {name} ends {end}" for name, end in worst.get("jumps", {}).items())
    text = f"worst {at}: {part['from_price_usd']:+,.2f} from {part['exposure_usd']:,.2f} exposed"
    if part["spot_in_use_usd"]:
        text += f" ({part['spot_in_use_usd']:,.2f} of it spot in use)"
    for name, end in part["from_events_usd"].items():
        text += f", {end['pnl_usd']:+,.2f} {name} {end['outcome']}"
    text += f"; floor {part['floor_usd']:,.2f}"
    text += {"point": "", "floor": ", which binds", "nothing": "; nothing asked"}[part["binds"]]
    return text


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, Mapping):
        return " ".join(f"{name} {shown(v)}" for name, v in value.items())
    return str(value)
