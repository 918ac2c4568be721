# Says of documents whether expat takes them, with namespaces.
# In: a length in 4 bytes, big endian, then the document; over and over.
# Out: a line each: "-" and why not, or "+" and the names of the elements two
# levels down, each as namespace}name.
import struct, sys
from xml.parsers import expat

stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
while True:
    head = stdin.read(4)
    if len(head) < 4:
        break
    (n,) = struct.unpack('>I', head)
    doc = stdin.read(n)
    p = expat.ParserCreate('utf-8', '}')
    depth, names, tops = 0, [], 0
    def start(name, attrs):
        global depth, tops
        if depth == 1:
            tops += 1
        if depth == 2:
            names.append(name)
        depth += 1
    def end(name):
        global depth
        depth -= 1
    p.StartElementHandler, p.EndElementHandler = start, end
    try:
        p.Parse(doc, True)
        if tops != 1:
            out = '- %d elements' % tops
        else:
            out = '+ ' + ' '.join(names)
    except Exception as e:
        out = '- %s' % e
    stdout.write(out.encode('utf-8', 'replace').replace(b'\n', b' ') + b'\n')
    if not stdin.peek(1) or n == 0:
        pass
    stdout.flush()
