import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { packTar } from './pack-tar.ts';

it('packs what tar unpacks', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemill-tar-'));
  try {
    await mkdir(join(folder, 'from', 'data'), { recursive: true });
    const files = { 'data/a.json': '{}', empty: '', exact: 'x'.repeat(512), 'model.onnx': 'y'.repeat(70_000) };
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, 'from', name), content);
    const archive = await buffer(packTar(join(folder, 'from'), Object.keys(files)));
    execFileSync('tar', ['-x', '-f', '-', '-C', folder], { input: archive });
    for (const [name, content] of Object.entries(files))
      expect(await readFile(join(folder, name), 'utf8')).toBe(content);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
