"""The commands of this program:
study STUDY.json STUDY.html: the report of `lanefold study`, one HTML file without scripts.
curves LOG PICTURE: loss and accuracy from a log of `lanefold train --log`, as .svg, .png or .pdf."""
import json
import os

from cli.drawing import COLOURS, palette, settings  # first, because it knows what to do where matplotlib is missing

from cli.program import Problem, replace, run
from trainer.study.curves import draw_curves, picture, read_log
from trainer.study.page import page
from trainer.study.signals import Part


def read_study(path: str) -> Part:
    with open(path, encoding='utf-8') as file:
        try:
            report = json.load(file)
        except ValueError as error:
            raise Problem('%s: is not JSON: %s' % (path, error)) from None
    if not isinstance(report, dict) or report.get('format') != 'lanefold-study-1':
        raise Problem('%s: is not a study.json of `lanefold study`' % path)
    return report


def study(source: str, target: str) -> None:
    report = read_study(source)
    try:
        text = page(report)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise Problem('%s: is not as `lanefold study` writes it: %s: %s' %
                      (source, type(error).__name__, error)) from None
    replace(target, text.encode('utf-8', 'replace'))


def curves(source: str, target: str) -> None:
    kind = os.path.splitext(target)[1][1:].lower()
    if kind not in ('svg', 'png', 'pdf'):
        raise Problem("%s: a picture's name ends in .svg, .png or .pdf" % target)
    palette.update((name, light) for name, (light, _) in COLOURS.items())
    replace(target, picture(draw_curves(read_log(source)), kind))


def main(arguments: list[str]) -> None:
    verbs = {'study': study, 'curves': curves}
    if len(arguments) != 3 or arguments[0] not in verbs:
        raise Problem('usage: study STUDY.json STUDY.html | curves LOG PICTURE')
    settings()
    verbs[arguments[0]](*arguments[1:])


run('lanefold charts', main)
