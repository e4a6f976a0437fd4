import { execFile, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scoreTexts } from '#libs/classifier';
import type { Bundle } from './bundle.ts';
import { classify } from './classify.ts';
import { HostLauncher } from './host-launcher.ts';
import { startHost } from './host-process.ts';
import { hostModel, ModelHost } from './model-host.ts';
import { temporaryFolder, testText, trainTestClassifier, writeTestBundle } from './testing/test-bundle.ts';

const launcher = new HostLauncher();
const cpu = { executionProviders: ['cpu'], threads: 1 };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundle: Bundle;
beforeAll(async () => {
  folder = await temporaryFolder();
  bundle = await writeTestBundle(join(folder.path, 'bundle'));
});
afterAll(async () => {
  launcher[Symbol.dispose]();
  await folder[Symbol.asyncDispose]();
});

const texts = Array.from({ length: 600 }, (_, i) => testText(i % 2 === 0 ? 'north' : 'south', i)).concat([
  '',
  ' ',
  '\0',
  '\ud800',
  '🙂',
  'مرحبا',
  'x'.repeat(5000),
]);

describe.each([
  ['a child', startHost],
  ['a child of the launcher', launcher.start],
])('ModelHost as %s', (_, start) => {
  const options = { ...cpu, start };

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
    process.kill(host.pid, 'SIGKILL');
    await expect(asked).rejects.toMatchObject({ code: 'MODEL_HOST_EXITED', retriable: true });
    await host.exited;
    await expect(host.classify(['more'])).rejects.toMatchObject({ code: 'BATCH_NOT_STARTED' });
  });

  it('refuses no request before the end of the process is told: asked again at once, it never would be', async () => {
    const told = Promise.withResolvers<string>();
    let line: Socket | undefined;
    const startLate: typeof startHost = async (module) => {
      const host = await start(module);
      line = host.socket;
      return { ...host, ended: told.promise };
    };
    await using host = await ModelHost.open(hostModel(bundle), { ...options, start: startLate });
    const closed = new Promise((resolve) => line?.once('close', resolve));
    process.kill(host.pid, 'SIGKILL');
    await closed;
    const refused = host.classify(['text']).catch((error: unknown) => error);
    const early = await Promise.race([refused, new Promise((resolve) => setImmediate(() => resolve('none')))]);
    expect(early).toBe('none');
    told.resolve('SIGKILL');
    expect(await refused).toMatchObject({ code: 'BATCH_NOT_STARTED' });
  });

  it('ends a host that does not answer in time', async () => {
    await using host = await ModelHost.open(hostModel(bundle), { ...options, timeout: 2000 });
    process.kill(host.pid, 'SIGSTOP');
    await expect(host.classify(['text'])).rejects.toMatchObject({ code: 'MODEL_HOST_TIMEOUT', retriable: true });
    await host.exited;
  });
});

it('says so when no process can be started', async () => {
  const { execPath } = process;
  process.execPath = join(folder.path, 'no-such-node');
  try {
    await expect(ModelHost.open(hostModel(bundle), cpu)).rejects.toMatchObject({
      code: 'MODEL_HOST_EXITED',
      retriable: true,
    });
  } finally {
    process.execPath = execPath;
  }
});

describe('HostLauncher', () => {
  const parentOf = async (pid: number) =>
    Number((await promisify(execFile)('ps', ['-o', 'ppid=', '-p', String(pid)])).stdout);

  it('starts hosts in a process of its own, and again when that was killed', async () => {
    using own = new HostLauncher();
    const options = { ...cpu, start: own.start };
    await using host = await ModelHost.open(hostModel(bundle), options);
    const parent = await parentOf(host.pid);
    expect(parent).not.toBe(process.pid);
    const asked = host.classify(Array.from({ length: 5000 }, () => 'x'.repeat(900)));
    process.kill(parent, 'SIGKILL');
    await expect(asked).rejects.toMatchObject({ code: 'MODEL_HOST_EXITED', retriable: true });
    await host.exited;
    await using next = await ModelHost.open(hostModel(bundle), options);
    expect(await parentOf(next.pid)).not.toBe(parent);
    expect((await next.classify(['text'])).probabilities).toHaveLength(2);
  });

  it('ends with its hosts when its consumer is killed, even with lines on their way to it', async () => {
    const path = join(import.meta.dirname, 'testing', 'blocked-consumer.ts');
    const consumer = spawn(process.execPath, ['--conditions=tidemill-source', path], { stdio: 'ignore' });
    const childrenOf = async (pid: number | undefined) =>
      (await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(pid)]).catch(() => ({ stdout: '' }))).stdout
        .split('\n')
        .flatMap((line) => (line.trim() === '' ? [] : Number(line)));
    const started = { timeout: 20_000, interval: 50 };
    await expect.poll(() => childrenOf(consumer.pid), started).toHaveLength(1);
    const [own] = await childrenOf(consumer.pid);
    await expect.poll(() => childrenOf(own), started).toHaveLength(2);
    const left = [own, ...(await childrenOf(own))];
    consumer.kill('SIGKILL');
    const there = async () =>
      (
        await promisify(execFile)('ps', ['-o', 'pid=', '-p', left.join(',')]).catch(() => ({ stdout: '' }))
      ).stdout.trim();
    await expect.poll(there, { timeout: 10_000, interval: 50 }).toBe('');
  }, 60_000);

  it('says why a host could not be started', async () => {
    using own = new HostLauncher();
    const start: typeof startHost = ({ execArgv }) =>
      own.start({ path: join(folder.path, 'no-such-module.js'), execArgv });
    const opening = ModelHost.open(hostModel(bundle), { ...cpu, start });
    await expect(opening).rejects.toMatchObject({
      code: 'MODEL_HOST_EXITED',
      message: expect.stringContaining('no-such-module.js'),
    });
  });
});
