"""Inspects archives without trusting them: bytes → model.

`inspecting.inspect` reads a wheel or an sdist from an open file. It checks the whole structure, inflates every member
to its end in bounded memory, compares it with its CRC, and passes the bytes of the only valid metadata member to
pkginfo. Nothing is unpacked to disk, and no uploaded code is run or imported.

    inspecting → wheel.wheel → zip.directory, zip.walk, wheel.*   → metadata.* (pkginfo)
               → tar.sdist   → tar.gzip_stream, tar.walk, tar.*   ↗
               → containers: formats that only `eggwatch index` accepts
               → unwritten: is the flaw in a part of the file that was never written?
"""
