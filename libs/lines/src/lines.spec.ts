import { describe, expect, it } from 'vitest';
import { fileLines, type Line, type LineFormat } from './index.ts';

async function* inPieces(text: string | Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(format: LineFormat, text: string | Uint8Array, size = 5, maximumBytes = 100): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of fileLines(format, inPieces(text, size), { maximumBytes })) lines.push(line);
  return lines;
}

describe('JSON lines', () => {
  it.each([1, 3, 7, 1000])('gives the same lines in pieces of %i bytes', async (size) => {
    const lines = await read('jsonl', '{"text":"ä😀"}\n\n{"text":"b"}\r\n{"text":"c"}', size);
    expect(lines).toEqual([
      { ok: true, line: 1, value: { text: 'ä😀' } },
      { ok: true, line: 3, value: { text: 'b' } },
      { ok: true, line: 4, value: { text: 'c' } },
    ]);
  });

  it('names the line that cannot be read and goes on', async () => {
    const lines = await read('jsonl', `{"a":1}\nnonsense\n[1]\n${'x'.repeat(200)}\n{"a":2}\n`);
    expect(lines.map((line) => [line.line, line.ok])).toEqual([
      [1, true],
      [2, false],
      [3, false],
      [4, false],
      [5, true],
    ]);
    expect(lines[3]).toMatchObject({ reason: 'longer than 100 bytes' });
  });

  it('refuses bytes that are not UTF-8', async () => {
    const lines = await read('jsonl', new Uint8Array([0x7b, 0xff, 0x7d, 0x0a]));
    expect(lines).toEqual([{ ok: false, line: 1, reason: 'not UTF-8' }]);
  });
});

describe('CSV lines', () => {
  it('names columns by the header, quotes and newlines included', async () => {
    const lines = await read('csv', '\uFEFFid,text\n1,"a ""b""\nc"\n2,\n');
    expect(lines).toEqual([
      { ok: true, line: 3, value: { id: '1', text: 'a "b"\nc' } },
      { ok: true, line: 4, value: { id: '2' } },
    ]);
  });

  it('reports a record of the wrong width and goes on', async () => {
    const lines = await read('csv', 'id,text\n1\n2,b\n');
    expect(lines).toEqual([
      { ok: false, line: 2, reason: '1 columns where the header has 2' },
      { ok: true, line: 3, value: { id: '2', text: 'b' } },
    ]);
  });

  it('ends with a report when a quote never closes', async () => {
    const lines = await read('csv', `id,text\n1,a\n2,"${'x'.repeat(500)}\n3,c\n`);
    expect(lines[0]).toMatchObject({ ok: true, line: 2 });
    expect(lines.slice(1).every((line) => !line.ok)).toBe(true);
    expect(lines.length).toBeGreaterThan(1);
  });
});
