import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bundle, writeBundle } from '#libs/model';

export interface TestFolder extends AsyncDisposable {
  path: string;
}

export async function testFolder(): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), 'tidemill-registry-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A bundle whose digests are right; its graph is `graph`. */
export function writeTestBundle(folder: string, graph: Uint8Array | string = 'a graph'): Promise<Bundle> {
  return writeBundle(
    folder,
    {
      model: 'news',
      labels: ['a', 'b'],
      input: { kind: 'utf16', maximumCharacters: 100 },
      goldenTexts: [{ text: 'x', probabilities: [0.5, 0.5] }],
      temperature: 1,
      trainer: 'test',
    },
    { 'model.onnx': graph, 'README.md': '# news\n', 'data/reference.json': '{}' },
  );
}
