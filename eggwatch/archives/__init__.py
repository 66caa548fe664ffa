"""Foreign archives, opened without trust: bytes → model.

`inspect` reads a wheel or an sdist from an open file: the whole structure, every member inflated to its end
with bounded memory and compared with its CRC, and the one lawful metadata member handed to pkginfo as bytes.
Nothing is unpacked to disk, and no uploaded code is run or imported.

    inspect → wheel → zip_directory, zip_walk      → metadata (pkginfo)
                      wheel_places: as installed   ↗
            → sdist → gzip_stream, tar_walk        ↗
            → holes: did what is wrong here ever arrive?

A new rule is a small function: over a member's value in `zip_walk` or `sdist`, over the core metadata in
`metadata.RULES`.
"""

from eggwatch.archives.inspection import ExtraCheck, inspect

__all__ = ["ExtraCheck", "inspect"]
