"""Checks each public header by itself. Included alone, it compiles as C11 and as C++ without a warning, and provides
each constant, function and type that its comments name. Each function states in which threads it may be called.

usage: headers_alone.py HEADERS C_COMPILER -- C++_COMPILER"""

import re
import sys
from pathlib import Path

from public_headers import Headers, comments, compile_text

NAME = re.compile(r'\b(?:LF|lf)_\w*\w(?<!_)\b(?!\*|\w)')
TAG = re.compile(r'\[(?:thread-safe\b.*|calling thread)\]', re.S)


def names_in_comments(text):
    return sorted({name for comment in comments(text) for name in NAME.findall(comment)})


def uses(headers, names):
    """C code that does not compile where one of these names is not there."""
    code = ''
    for name in names:
        if name.startswith('LF_'):
            code += '#ifndef %s\n#error "%s is named in a comment, but is not there"\n#endif\n' % (name, name)
        elif name in headers.functions:
            code += 'char has_%s[sizeof(&%s)];\n' % (name, name)
        elif name == 'lf_plugin_entry_v1':
            code += 'char has_%s[sizeof %s];\n' % (name, name)
        else:
            code += 'char has_%s[sizeof(%s *)];\n' % (name, name)
    return code


def untagged_functions(text):
    """Functions and types of callbacks whose comment has no tag."""
    found = []
    declared = r'(?:LF_API [\w *]+?\b(?=lf_\w+\()|typedef \w+ \(\*)(lf_\w+)\)?\([^)]*\);'
    for match in re.finditer(r'(/\*(?:(?!\*/).)*\*/)?\s*' + declared, text, re.S):
        if not match[1] or not TAG.search(' '.join(match[1].replace('\n *', ' ').split())):
            found.append(match[2])
    return found

# The calls are templates, so only their use shows what the compiler thinks of them.
ALL_CALLS = """#include <lanefold/lanefold.hpp>
template class lanefold::ContextCalls<lanefold::ReturnErrors>;
template class lanefold::BasicContextView<lanefold::ReturnErrors>;
template class lanefold::BasicContext<lanefold::ReturnErrors>;
template class lanefold::ContextCalls<lanefold::ThrowErrors>;
template class lanefold::BasicContextView<lanefold::ThrowErrors>;
template class lanefold::BasicContext<lanefold::ThrowErrors>;
"""


# Where the C++ headers' names come from.  A name that is missing here is an error, so that no header is passed over.
HOMES = {'cinttypes': 'PRId64', 'cstddef': 'size_t std::nullptr_t', 'cstdio': 'std::fprintf std::snprintf stderr',
         'cstdint': 'int32_t int64_t uint8_t uint32_t uint64_t', 'cstdlib': 'std::abort', 'algorithm': 'std::find',
         'exception': 'std::current_exception std::exception_ptr std::rethrow_exception',
         'initializer_list': 'std::initializer_list', 'memory': 'std::addressof std::unique_ptr', 'new': 'std::nothrow',
         'optional': 'std::optional', 'stdexcept': 'std::runtime_error', 'string': 'std::string',
         'type_traits': 'std::conditional_t std::decay_t std::enable_if_t std::false_type std::is_arithmetic_v '
                        'std::is_base_of_v std::is_const_v std::is_convertible_v std::is_function_v std::is_integral_v '
                        'std::is_invocable_v std::is_lvalue_reference_v std::is_same_v std::is_void_v '
                        'std::remove_const_t std::remove_cv_t std::remove_pointer_t std::remove_reference_t '
                        'std::true_type std::void_t',
         'utility': 'std::declval std::exchange std::move std::swap', 'vector': 'std::vector'}
HOME = {name: header for header, names in HOMES.items() for name in names.split()}


def not_included(text):
    """The names that a C++ header uses, but whose headers it does not include itself."""
    code = re.sub(r'//[^\n]*|"[^"\n]*"', '', text)
    included = re.findall(r'#include <([^>]+)>', text)
    names = set(re.findall(r'\bstd::\w+', code)) | {name for name in HOME if re.search(r'(?<!:)\b%s\b' % name, code)}
    return ['%s: <%s>' % (name, HOME.get(name, 'unknown')) for name in sorted(names)
            if HOME.get(name) not in included]


def main():
    split = sys.argv.index('--')
    folder, c, cpp = Path(sys.argv[1]), sys.argv[2:split], sys.argv[split + 1:]
    headers = Headers(folder / 'lanefold')
    problems, named = [], 0
    for name, text in headers.texts.items():
        names = names_in_comments(text)
        named += len(names)
        source = '#include <lanefold/%s>\nextern int something;\n' % name  # C forbids an empty file
        for compiler, language, standard in ((c, 'c', 'c11'), (cpp, 'c++', 'c++17'), (cpp, 'c++', 'c++20')):
            for what, code in (('alone', source), ('with what its comments name', source + uses(headers, names))):
                messages = compile_text(compiler, language, standard, code, folder)
                if messages:
                    problems.append('%s %s, as %s:\n%s' % (name, what, standard, messages))
        problems += ['%s: the comment of %s has no thread tag' % (name, f) for f in untagged_functions(text)]
    parts = ['lanefold.hpp'] + sorted('cpp/' + path.name for path in (folder / 'lanefold' / 'cpp').glob('*.hpp'))
    for name in parts:
        problems += ['%s uses %s, but does not include it' % (name, use) for use in
                     not_included((folder / 'lanefold' / name).read_text())]
        for standard in ('c++17', 'c++20', 'c++2b'):
            messages = compile_text(cpp, 'c++', standard, '#include <lanefold/%s>\n' % name, folder)
            if messages:
                problems.append('%s alone, as %s:\n%s' % (name, standard, messages))
    for standard in ('c++17', 'c++20', 'c++2b'):
        messages = compile_text(cpp, 'c++', standard, ALL_CALLS, folder)
        if messages:
            problems.append('the calls of lanefold.hpp, as %s:\n%s' % (standard, messages))
    # A check that finds nothing must have looked at something.
    if not compile_text(c, 'c', 'c11', '#include <lanefold/status.h>\n' + uses(headers, ['LF_TRANSPOSE_B']), folder):
        problems.append('a name that a header does not provide is not noticed')
    if untagged_functions('/* Frees it. */\nLF_API void lf_free(lf_context *context);') != ['lf_free']:
        problems.append('a function without a thread tag is not noticed')
    if untagged_functions('/* Frees it. */\ntypedef void (*lf_free)(void *self);') != ['lf_free']:
        problems.append('a callback without a thread tag is not noticed')
    if not_included('#include <string>\nstd::string s; std::vector<float> v;') != ['std::vector: <vector>']:
        problems.append('a name whose header is not included is not noticed')
    if len(parts) < 9 or named < 60 or len(headers.functions) < 29:
        problems.append('only %d names in comments and %d functions were found' % (named, len(headers.functions)))
    if problems:
        sys.exit('\n'.join(problems))
    print('%d headers compile alone. The C headers provide the %d names in their comments, and %d functions have their '
          'thread tag' % (len(headers.texts) + len(parts), named, len(headers.functions)))


if __name__ == '__main__':
    main()
