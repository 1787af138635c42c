# The commands of this program:
# check: only checks that matplotlib is installed.
# bench RESULTS.json REPORT.html: writes the report of `lanefold bench`, one HTML file without scripts.

def bench(source, target):
    try:
        report = read_report(source)
    except ValueError as error:
        raise Problem(str(error)) from None
    try:
        text = page(report)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Problem('%s: this file is not as `lanefold bench` writes it: %s: %s' %
                      (source, type(error).__name__, error)) from None
    replace(target, text.encode('utf-8', 'replace'))


def main(arguments):
    if arguments == ['check']:
        return
    if len(arguments) != 3 or arguments[0] != 'bench':
        raise Problem('usage: check | bench RESULTS.json REPORT.html')
    settings()
    bench(*arguments[1:])


try:
    main(sys.argv[1:])
except Problem as problem:
    sys.exit('lanefold bench: %s' % problem)
except OSError as error:
    sys.exit('lanefold bench: %s: %s' % (error.filename, error.strerror))
except KeyboardInterrupt:
    sys.exit(130)
