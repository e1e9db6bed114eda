"""What a release is made of: a bill of materials, and what is known against its parts."""
