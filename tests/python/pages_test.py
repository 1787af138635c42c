"""pages_test.py PAGE...: the Python examples of each page run, one after the other."""
import re
import sys

import lanefold

import support

PAGES = sys.argv[1:]
del sys.argv[1:]


class Pages(support.Case):
    def test_examples(self):
        self.assertTrue(PAGES)
        for path in PAGES:
            with open(path, encoding='utf-8') as file:
                text = file.read()
            examples = list(re.finditer(r'^```python\n(.*?)^```', text, re.MULTILINE | re.DOTALL))
            self.assertTrue(examples, path)
            place = {}
            for example in examples:
                # Blank lines before the code, so that errors name the line of the page.
                lines = '\n' * text.count('\n', 0, example.start(1))
                with self.subTest(path):
                    exec(compile(lines + example.group(1), path, 'exec'), place)
            self.assertIs(place['lanefold'], lanefold)


support.main()
