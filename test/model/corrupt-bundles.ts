/**
 * Corrupted bundles on their whole way to serving, with a host process for each that gets as far:
 *
 *     node --conditions=tidemill-source test/model/corrupt-bundles.ts [corruptions a kind, default 2000]
 *
 * First as they would lie on a disk, under the digest of the sound bundle: none may get past it. Then with digests made
 * to fit, as a broken exporter or an attacker who may import makes them: what still serves answers the golden texts as
 * recorded. Ten minutes; fails when a corrupted bundle serves under the old digest.
 */
import { join } from 'node:path';
import { seededRandom } from '../../apps/standalone/src/streams/random.ts';
import { temporaryFolder, writeTestBundle } from '../../libs/model/src/testing/test-bundle.ts';
import { writeTokensBundle } from '../../libs/model/src/testing/test-transformer.ts';
import { corrupt, filesOf, journeyOf, replaceFiles, withDigests } from '../support/corrupt-bundle.ts';

const count = Number(process.argv[2] ?? 2000);
await using folder = await temporaryFolder();
const bundles = {
  utf16: await writeTestBundle(join(folder.path, 'utf16')),
  tokens: await writeTokensBundle(join(folder.path, 'tokens')),
};

for (const [kind, bundle] of Object.entries(bundles)) {
  const files = await filesOf(bundle);
  for (const recomputed of [false, true]) {
    const random = seededRandom('script', kind, String(recomputed));
    const stages = { digest: 0, inspection: 0, host: 0, serves: 0 };
    const served: Record<string, number> = {};
    for (let i = 0; i < count; i++) {
      const { files: damaged, path } = corrupt(files, random);
      const corrupted = recomputed ? withDigests(damaged) : damaged;
      await replaceFiles(bundle.directory, files, corrupted);
      const expected = recomputed ? {} : { expected: bundle.digest };
      const { stage, sentence } = await journeyOf(bundle.directory, { ...expected, openHost: true });
      await replaceFiles(bundle.directory, corrupted, files);
      stages[stage]++;
      if (stage === 'serves') served[path] = (served[path] ?? 0) + 1;
      else if (sentence === '') throw new Error(`${path}: refused without a sentence`);
    }
    const digests = recomputed ? 'digests made to fit' : 'under the old digest';
    console.log(
      `${kind}, ${digests}: ${count} corruptions; ${JSON.stringify(stages)}; serving: ${JSON.stringify(served)}`,
    );
    if (!recomputed && stages.digest !== count) process.exitCode = 1;
  }
}
