"""The border: each venue's wire, turned into facts and back. Machines without I/O, and the sockets that carry them."""
