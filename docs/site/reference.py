"""The reference as Markdown, made from the XML that Doxygen makes from the public headers: a page for each header.

What this does not understand is an error.  A description therefore never loses a part."""
import re
import sys
from xml.etree import ElementTree

SECTIONS = ('define', 'typedef', 'func', 'var', 'enum', 'user-defined')


def escaped(text):
    """Text as Markdown shows it, with no emphasis, links or tags that nobody meant."""
    text = re.sub(r'<(?=\S)', r'\\<', text)
    text = re.sub(r'(?<=\S)\*|\*(?=\S)', r'\\*', text)
    return re.sub(r'(?<!\w)_|_(?!\w)', r'\\_', text)


class Reference:
    def __init__(self, xml):
        self.xml = xml
        index = ElementTree.parse(xml / 'index.xml').getroot()
        self.compounds = {c.get('refid'): self.load(c.get('refid')) for c in index
                          if c.get('kind') in ('file', 'struct', 'class', 'namespace')}
        self.places = {}  # where each id is described: page#anchor
        self.headers = {}  # by name: the compound of the file
        for compound in self.compounds.values():
            if compound.get('kind') == 'file' and re.search(r'\.h(pp)?$', compound.findtext('compoundname')):
                self.headers[compound.findtext('compoundname').split('/')[-1]] = compound
        for compound in self.compounds.values():
            self.place(compound)

    def load(self, refid):
        return ElementTree.parse(self.xml / (refid + '.xml')).getroot().find('compounddef')

    def place(self, compound):
        name, location = compound.findtext('compoundname'), compound.find('location')
        if compound.get('kind') == 'file':
            self.places[compound.get('id')] = name.split('/')[-1] + '.md'
        elif location is not None and location.get('file'):
            self.places[compound.get('id')] = '%s.md#%s' % (location.get('file').split('/')[-1], anchor(name))
        scope = '' if compound.get('kind') in ('file', 'namespace') else name
        for member in compound.iter('memberdef'):
            page = member.find('location').get('file').split('/')[-1] + '.md'
            own = member.findtext('name')
            if scope and member.get('kind') == 'variable':
                own = scope  # a field is a row of its struct's table
            elif scope:
                own = '%s::%s' % (scope, own)
            self.places[member.get('id')] = '%s#%s' % (page, anchor(own))

    def link(self, refid, text):
        place = self.places.get(refid)
        return '[%s](%s)' % (text, place) if place else text

    # Descriptions

    def inline(self, node):
        """The content of a node as one run of Markdown."""
        parts = [escaped(node.text or '')]
        for child in node:
            parts += [self.inline_child(child), escaped(child.tail or '')]
        return re.sub(r'\s+', ' ', ''.join(parts)).replace('\0', '\n\n')

    def inline_child(self, child):
        if child.tag == 'computeroutput':
            return '`%s`' % ''.join(child.itertext()).strip()
        if child.tag in ('bold', 'emphasis'):
            mark = '**' if child.tag == 'bold' else '*'
            return mark + self.inline(child).strip() + mark
        if child.tag == 'ref':
            return self.link(child.get('refid'), escaped(''.join(child.itertext())))
        if child.tag == 'ulink':
            return '[%s](%s)' % (self.inline(child), child.get('url'))
        if child.tag in ('ndash', 'mdash', 'linebreak', 'sp', 'nonbreakablespace', 'times'):
            return {'ndash': '--', 'mdash': '---', 'times': 'x'}.get(child.tag, ' ')
        sys.exit('reference.py: the element <%s> of a description is not understood' % child.tag)

    def blocks(self, node):
        """A description as a list of Markdown blocks."""
        result = []
        for para in node if node is not None else ():
            if para.tag in ('para', 'title'):
                result += self.paragraph(para)
            elif para.tag.startswith('sect'):
                result += self.blocks(para)
            else:
                sys.exit('reference.py: the element <%s> of a description is not understood' % para.tag)
        return [block for block in result if block.strip()]

    def paragraph(self, para):
        result, run = [], escaped(para.text or '')
        for child in para:
            block = self.block(child)
            if block is None:
                run += self.inline_child(child)
            else:
                result += [re.sub(r'\s+', ' ', run).strip(), block]
                run = ''
            run += escaped(child.tail or '')
        return result + [re.sub(r'\s+', ' ', run).strip()]

    def block(self, child):
        """A table, list or listing, or None for an element within a line."""
        if child.tag in ('verbatim', 'preformatted'):
            return '```text\n%s\n```' % ''.join(child.itertext()).rstrip()
        if child.tag == 'programlisting':
            return '```text\n%s\n```' % '\n'.join(listing(line) for line in child.iter('codeline'))
        if child.tag == 'table':
            return self.table(child)
        if child.tag in ('itemizedlist', 'orderedlist'):
            mark = '- ' if child.tag == 'itemizedlist' else '1. '
            items = ['\n\n'.join(self.blocks(item)) for item in child.findall('listitem')]
            return '\n'.join(mark + item.replace('\n', '\n  ') for item in items)
        if child.tag == 'simplesect':
            title = child.findtext('title') or child.get('kind').capitalize()
            return '**%s:** %s' % (title, '\n\n'.join(self.blocks(child)))
        if child.tag == 'parameterlist':
            items = []
            for item in child.findall('parameteritem'):
                names = ', '.join('`%s`' % name.text for name in item.iter('parametername'))
                items.append('- %s: %s' % (names, ' '.join(self.blocks(item.find('parameterdescription')))))
            return '\n'.join(items)
        if child.tag == 'blockquote':
            return '\n'.join('> ' + line for line in '\n\n'.join(self.blocks(child)).split('\n'))
        return None

    def table(self, node):
        rows = []
        for row in node.findall('row'):
            cells = [' '.join(self.inline(para).strip() for para in entry.findall('para'))
                     for entry in row.findall('entry')]
            rows.append([cell.replace('|', '\\|') for cell in cells])
        rows.insert(1, ['---'] * len(rows[0]))
        return '\n'.join('| %s |' % ' | '.join(row) for row in rows)

    def description(self, node):
        return self.blocks(node.find('briefdescription')) + self.blocks(node.find('detaileddescription'))

    # Declarations

    def index(self):
        rows = ['| [%s](%s.md) | %s |' % (name, name, ' '.join(self.blocks(compound.find('briefdescription'))))
                for name, compound in sorted(self.headers.items())]
        return '\n'.join(['# Reference', '', '| header | what it has |', '|---|---|', *rows, ''])

    def page(self, name):
        """The page of a header."""
        compound = self.headers[name]
        lines = ['# ' + name, '```%s\n#include <%s>\n```' % (language(name), compound.find('location').get('file'))]
        lines += self.description(compound)
        inner = [self.compounds[c.get('refid')] for c in compound.findall('innerclass')
                 if c.get('refid') in self.compounds and c.get('prot') == 'public']
        here = compound.find('location').get('file')
        sections = list(compound.findall('sectiondef'))
        for namespace in compound.findall('innernamespace'):
            sections += self.compounds[namespace.get('refid')].findall('sectiondef')
        for section in sections:
            members = [m for m in section.findall('memberdef') if m.find('location').get('file') == here]
            if not members:
                continue
            if section.get('kind') not in SECTIONS:
                sys.exit('reference.py: a section of the kind %s is not understood' % section.get('kind'))
            if section.find('header') is not None:
                lines += ['## ' + section.findtext('header')] + self.blocks(section.find('description'))
            lines += self.members(members, {c.findtext('compoundname') for c in inner}, language(name))
        for struct in inner:
            lines += self.struct(struct, language(name))
        return '\n\n'.join(lines) + '\n'

    def members(self, members, structs, code, scope=''):
        """Each name once: its declarations, and what they do.  Constants form a table."""
        lines, table = [], []
        names = dict.fromkeys(member.findtext('name') for member in members if member.get('prot') == 'public')
        for name in names:
            same = [m for m in members if m.findtext('name') == name and m.get('prot') == 'public']
            if same[0].get('kind') == 'define' and same[0].find('param') is None:
                value = ''.join(text for node in same[0].findall('initializer') for text in node.itertext())
                table.append('| <a id="%s"></a>`%s` | `%s` | %s |' % (
                    anchor(name), name, value, ' '.join(self.description(same[0]))))
                continue
            if same[0].get('kind') == 'typedef' and name in structs:
                continue
            lines.append('%s %s' % ('###' if scope else '##', '%s::%s' % (scope, name) if scope else name))
            for member in same:
                lines.append('```%s\n%s\n```' % (code, signature(member)))
                lines += self.description(member)
        if table:
            lines = ['\n'.join(['| constant | value | meaning |', '|---|---|---|'] + table)] + lines
        return lines

    def struct(self, compound, code):
        name = compound.findtext('compoundname')
        lines = ['## ' + name] + self.description(compound)
        fields, others = [], []
        for member in compound.iter('memberdef'):
            if member.get('prot') == 'public':
                (fields if member.get('kind') == 'variable' else others).append(member)
        if fields:
            rows = ['| field | type | meaning |', '|---|---|---|']
            for member in fields:
                kind = ''.join(member.find('type').itertext()) + member.findtext('argsstring', '')
                rows.append('| `%s` | `%s` | %s |' % (member.findtext('name'), kind.replace('|', '\\|'),
                                                      ' '.join(self.description(member))))
            lines.append('\n'.join(rows))
        return lines + self.members(others, set(), code, name)


def listing(line):
    text = ''
    for node in line.iter():
        text += ' ' if node.tag == 'sp' else node.text or ''
        if node is not line:
            text += node.tail or ''
    return text


def anchor(name):
    return re.sub(r'[^\w\- ]', '', name.lower()).replace(' ', '-')


def language(header):
    return 'c' if header.endswith('.h') else 'cpp'


def signature(member):
    if member.get('kind') == 'define':
        parameters = ', '.join(p.findtext('defname') for p in member.findall('param'))
        return '#define %s(%s) %s' % (member.findtext('name'), parameters, ''.join(member.find('initializer').itertext()))
    text = member.findtext('definition').replace(' = typedef ', ' = ') + member.findtext('argsstring', '')
    if member.get('static') == 'yes' and not text.startswith('static'):
        text = 'static ' + text
    parameters = [' '.join([''.join(p.find('type').itertext()), p.findtext('declname', '')]).strip()
                  for p in member.findall('templateparamlist/param')]
    return ('template <%s> %s' % (', '.join(parameters), text) if parameters else text) + ';'
