import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scoreTexts } from '#libs/classifier';
import type { Bundle } from './bundle.ts';
import { classify } from './classify.ts';
import { hostModel, ModelHost } from './model-host.ts';
import { temporaryFolder, testText, trainTestClassifier, writeTestBundle } from './testing/test-bundle.ts';

const options = { executionProviders: ['cpu'], threads: 1 };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundle: Bundle;
beforeAll(async () => {
  folder = await temporaryFolder();
  bundle = await writeTestBundle(join(folder.path, 'bundle'));
});
afterAll(() => folder[Symbol.asyncDispose]());

const texts = Array.from({ length: 600 }, (_, i) => testText(i % 2 === 0 ? 'north' : 'south', i)).concat([
  '',
  ' ',
  '\0',
  '\ud800',
  '🙂',
  'مرحبا',
  'x'.repeat(5000),
]);

describe('ModelHost', () => {
  it('answers as the reference scorer does, the same bytes in any company', async () => {
    await using host = await ModelHost.open(hostModel(bundle), options);
    const together = await host.classify(texts);
    const expected = scoreTexts(trainTestClassifier(), texts);
    for (const [i, row] of expected.entries()) {
      expect(together.probabilities[i * 2]).toBeCloseTo(row[0] ?? Number.NaN, 5);
      const alone = await host.classify([texts[i] ?? '']);
      expect([...alone.probabilities]).toStrictEqual([...together.probabilities.subarray(i * 2, i * 2 + 2)]);
    }
    expect(host.device).toBe('cpu');
  });

  it('classifies offline what its training texts were', async () => {
    const answers = await classify(hostModel(bundle), texts.slice(0, 600), options);
    expect(answers.map(({ label }) => label)).toStrictEqual(
      texts.slice(0, 600).map((_, i) => (i % 2 === 0 ? 'north' : 'south')),
    );
  });

  it('refuses a model whose golden texts are answered differently', async () => {
    const model = hostModel(bundle);
    const goldenTexts = model.goldenTexts.map(({ text, probabilities }) => ({
      text,
      probabilities: probabilities.toReversed(),
    }));
    await expect(ModelHost.open({ ...model, goldenTexts }, options)).rejects.toMatchObject({ code: 'MODEL_REFUSED' });
  });

  it('refuses a file that is no model, and says why', async () => {
    const path = join(folder.path, 'broken.onnx');
    const bytes = await readFile(hostModel(bundle).modelPath);
    await writeFile(path, bytes.subarray(0, bytes.length / 2));
    const opening = ModelHost.open({ ...hostModel(bundle), modelPath: path }, options);
    await expect(opening).rejects.toMatchObject({ code: 'MODEL_REFUSED', message: expect.stringContaining('cpu:') });
  });

  it('rejects what was asked when the process is killed, and what is asked afterwards', async () => {
    await using host = await ModelHost.open(hostModel(bundle), options);
    const asked = host.classify(Array.from({ length: 5000 }, () => 'x'.repeat(900)));
    process.kill(host.pid ?? 0, 'SIGKILL');
    await expect(asked).rejects.toMatchObject({ code: 'MODEL_HOST_EXITED', retriable: true });
    await host.exited;
    await expect(host.classify(['more'])).rejects.toMatchObject({ code: 'BATCH_NOT_STARTED' });
  });

  it('says so when no process can be started', async () => {
    const { execPath } = process;
    process.execPath = join(folder.path, 'no-such-node');
    try {
      await expect(ModelHost.open(hostModel(bundle), options)).rejects.toMatchObject({
        code: 'MODEL_HOST_EXITED',
        retriable: true,
      });
    } finally {
      process.execPath = execPath;
    }
  });

  it('ends a host that does not answer in time', async () => {
    await using host = await ModelHost.open(hostModel(bundle), { ...options, timeout: 2000 });
    process.kill(host.pid ?? 0, 'SIGSTOP');
    await expect(host.classify(['text'])).rejects.toMatchObject({ code: 'MODEL_HOST_TIMEOUT', retriable: true });
    await host.exited;
  });
});
