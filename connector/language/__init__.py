"""What a person reads, in the language that they asked for; the code itself speaks English.

Rules: no call site knows of languages. A text is translated where it leaves for a person, by the
catalog of that language: a message with names in braces, such as `` no job `{id}` ``, stands for
every text of its shape, and what stands for a name is carried over, translated where it is a
message itself. What a catalog does not have stays English. Identifiers, codes and names of
commands are never translated: they stand in backticks.

Source: GNU gettext catalogs, kept with Babel (`docs/generate_messages.py`).
"""
