// Opens one stream for each of `COUNT` paths below `PREFIX`, all at once, and says so when each has got its own data. Ends
// with its stdin, and its streams with it. A process of its own, since so many files may be open in each.
import { connect } from 'node:net';

const { PORT, PREFIX, COUNT } = process.env;
let waiting = Number(COUNT);

for (let id = 0; id < Number(COUNT); id += 1) {
  const own = `data: ${id}\n\n`;
  let tail = '';
  const socket = connect(Number(PORT), '127.0.0.1');
  socket.setEncoding('latin1');
  socket.write(`GET ${PREFIX}/${id} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  socket.on('error', (error) => {
    throw error;
  });
  socket.on('data', function read(text) {
    tail += text;
    if (!tail.includes(own)) return;
    socket.off('data', read).resume();
    waiting -= 1;
    if (waiting === 0) console.log('all have theirs');
  });
}
process.stdin.resume().once('end', () => process.exit());
