"""The reviewer's letter, sentence by sentence: runs that answer it, figures, and verdicts that follow from them.

``python -m experiments.letter`` (``--quick`` for a reduced run) writes ``results/letter.md``. Rooms: :mod:`.scenes`
sets a camera launch up and :mod:`.apps` one app, :mod:`.watch` looks on, :mod:`.runs` varies what a sentence speaks of,
:mod:`.findings` turns runs into figures with intervals, :mod:`.sentences` holds the letter, :mod:`.rules_exits`,
:mod:`.rules_release` and :mod:`.rules_concerns` turn figures into verdicts, :mod:`.report` writes the page.
"""
