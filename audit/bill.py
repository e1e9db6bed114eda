"""`make sbom`: what is locked goes in; a bill of materials in CycloneDX's JSON comes out, checked by its schema."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator
from packageurl import PackageURL

from audit.parts import ROOT, read_parts
from trendscript import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit.parts import Part

BILL = ROOT / "build" / "sbom.cdx.json"
_SCHEMA = SchemaVersion.V1_6


class BillRefused(ValueError):
    """Raised when a bill is not what CycloneDX's schema asks for."""


def to_bill(parts: Iterable[Part]) -> str:
    """The bill of these parts, each once, with the release that is made of them."""
    bill = Bom()
    release = Component(name="trendscript", version=__version__, type=ComponentType.APPLICATION, bom_ref="trendscript")
    bill.metadata.component = release
    components = [_to_component(part) for part in parts]
    bill.components.update(components)
    bill.register_dependency(release, components)
    return str(make_outputter(bill, OutputFormat.JSON, _SCHEMA).output_as_string(indent=2))


def check_bill(text: str) -> None:
    """Raises BillRefused when CycloneDX's schema doesn't take it."""
    fault = make_schemabased_validator(OutputFormat.JSON, _SCHEMA).validate_str(text)
    if fault is not None:
        raise BillRefused(str(fault))


def _to_component(part: Part) -> Component:
    url = PackageURL(part.kind, part.group, part.name, part.version)
    return Component(
        name=part.name,
        group=part.group,
        version=part.version,
        type=ComponentType.LIBRARY,
        purl=url,
        bom_ref=url.to_string(),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in part.digests],
    )


def main() -> None:
    """Write the bill."""
    parts = read_parts()
    text = to_bill(parts)
    check_bill(text)
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else BILL
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"{text}\n", encoding="utf-8")
    jars = sum(part.kind == "maven" for part in parts)
    print(f"{target}: {len(parts) - jars} packages, {jars} jars.")  # noqa: T201  (what a person called it for)


if __name__ == "__main__":
    main()
