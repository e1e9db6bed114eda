"""The doctor: settings go in, one finding a check comes out, each with its mend; nothing is changed."""
