import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../apps/standalone/src/streams/random.ts';
import { temporaryFolder, writeTestBundle } from '../../libs/model/src/testing/test-bundle.ts';
import { writeTokensBundle } from '../../libs/model/src/testing/test-transformer.ts';
import type { Bundle } from '#libs/model';
import { corrupt, type Files, filesOf, journeyOf, replaceFiles, withDigests } from '../support/corrupt-bundle.ts';

// `test/model/corrupt-bundles.ts` opens a host for every one that gets as far.
const corruptions = 1000;
const recomputed = 100;
const hosts = 3;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

describe.each([
  ['utf16', writeTestBundle],
  ['tokens', writeTokensBundle],
])('a corrupted bundle of kind %s', (kind, write: (directory: string) => Promise<Bundle>) => {
  let bundle: Bundle;
  let files: Files;
  beforeAll(async () => {
    bundle = await write(join(folder.path, kind));
    files = await filesOf(bundle);
  });

  it(`is refused by its digest, ${corruptions} times of ${corruptions}, before anything of it is parsed as a model`, async () => {
    const random = seededRandom('corrupt', kind);
    for (let i = 0; i < corruptions; i++) {
      const { files: corrupted, path, what } = corrupt(files, random);
      await replaceFiles(bundle.directory, files, corrupted);
      const { stage, sentence } = await journeyOf(bundle.directory, { expected: bundle.digest, openHost: true });
      await replaceFiles(bundle.directory, corrupted, files);
      expect(stage, `${path}: ${what}`).toBe('digest');
      expect(sentence, `${path}: ${what}`).toMatch(/^the model bundle is not (valid|the one its digest names)/);
    }
  });

  it('whose digests were made to fit is refused in a sentence, or answers its golden texts as recorded', async () => {
    const random = seededRandom('recomputed', kind);
    const stages = { digest: 0, inspection: 0, host: 0, serves: 0 };
    for (let i = 0; i < recomputed; i++) {
      const { files: damaged, path, what } = corrupt(files, random);
      const corrupted = withDigests(damaged);
      await replaceFiles(bundle.directory, files, corrupted);
      const { stage, sentence } = await journeyOf(bundle.directory, { openHost: stages.host + stages.serves < hosts });
      await replaceFiles(bundle.directory, corrupted, files);
      stages[stage]++;
      if (stage === 'digest' || stage === 'inspection') expect(sentence, `${path}: ${what}`).toMatch(/^.{20,700}$/);
    }
    expect(stages.digest).toBeGreaterThan(recomputed / 10);
    expect(stages.inspection).toBeGreaterThan(recomputed / 100);
  });
});
