"""Language models behind one interface: JSON that keeps to a schema, and text in pieces; from a server or from a folder."""
