import type { Socket } from 'node:net';
import { deserialize, serialize } from 'node:v8';

/** File descriptor of the line to the consumer, in a host. */
export const lineDescriptor = 3;
const headerBytes = 4;

/** Writes a value: its length as 32 bits, little-endian, then what V8 makes of it. Texts and answers cross as flat arrays. */
export function writeMessage(socket: Socket, value: unknown): void {
  if (!socket.writable) return;
  const body = serialize(value);
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt32LE(body.length);
  socket.cork();
  socket.write(header);
  socket.write(body);
  socket.uncork();
}

/** Calls back with every value that the other side writes, in order. */
export function readMessages<T>(socket: Socket, onMessage: (value: T) => void): void {
  let chunks: Buffer[] = [];
  let bytes = 0;
  let wanted = headerBytes;
  let inBody = false;
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    while (bytes >= wanted) {
      const all = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes);
      const part = all.subarray(0, wanted);
      const rest = all.subarray(wanted);
      chunks = rest.length === 0 ? [] : [rest];
      bytes = rest.length;
      wanted = inBody ? headerBytes : part.readUInt32LE();
      inBody = !inBody;
      if (!inBody) onMessage(deserialize(part));
    }
  });
}
