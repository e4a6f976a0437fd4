import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '#libs/platform';
import type { Bundle } from './bundle.ts';
import type { Lease } from './batch-job.ts';
import { DynamicBatcher } from './dynamic-batcher.ts';
import { HostPool } from './host-pool.ts';
import { hostModel, ModelHost } from './model-host.ts';
import { temporaryFolder, testText, writeTestBundle } from './testing/test-bundle.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundle: Bundle;
beforeAll(async () => {
  folder = await temporaryFolder();
  bundle = await writeTestBundle(join(folder.path, 'bundle'), { variant: 0 });
});
afterAll(() => folder[Symbol.asyncDispose]());

/** Real host processes, and a batcher over them; a text that is `deadly` ends the host that is given it. */
async function openPool(hosts: number, deadly?: string) {
  let changed = Promise.withResolvers<void>();
  const opened: ModelHost[] = [];
  const pool = await HostPool.open({
    hosts,
    async open(signal) {
      const host = await ModelHost.open(hostModel(bundle), { executionProviders: ['cpu'], threads: 1, signal });
      const answer = host.answer.bind(host);
      host.answer = (texts) => {
        if (deadly !== undefined && texts.includes(deadly)) process.kill(host.pid, 'SIGKILL');
        return answer(texts);
      };
      opened.push(host);
      return host;
    },
    onEnded: () => undefined,
    onChange: () => {
      const { resolve } = changed;
      changed = Promise.withResolvers();
      resolve();
    },
    logger: silentLogger,
  });
  const serving = { model: 'test', version: 1, epoch: 1, bundleDigest: bundle.digest, device: pool.device };
  const lease: Lease = {
    serving: { ...serving, labels: bundle.manifest.labels, maximumLength: 1000 },
    room: () => pool.room,
    alive: () => pool.alive > 0,
    idle: () => pool.idle,
    answer: (texts) => pool.answer(texts),
    release: () => undefined,
  };
  const batcher = new DynamicBatcher({
    acquire: () => lease,
    changed: () => changed.promise,
    maximumBatchTokens: 200,
    maximumBatchTime: 100,
    maximumQueuedTexts: 1000,
    clock: { now: () => performance.now() },
  });
  return { pool, batcher, opened, [Symbol.asyncDispose]: () => pool.close() };
}

const texts = Array.from({ length: 64 }, (_, i) => testText(i % 2 === 0 ? 'north' : 'south', i));

describe('HostPool', () => {
  it('answers on all its hosts, the same as one alone', async () => {
    await using one = await openPool(1);
    await using two = await openPool(2);
    const [alone, together] = await Promise.all([one.batcher.submit(texts, 'bulk'), two.batcher.submit(texts, 'bulk')]);
    expect(together.probabilities).toStrictEqual(alone.probabilities);
    expect(two.opened.every((host) => host.residentBytes > 0)).toBe(true);
  });

  it('goes on with the others while a killed host is started again', async () => {
    await using test = await openPool(2);
    process.kill(test.opened[0]?.pid ?? 0, 'SIGKILL');
    await test.opened[0]?.exited;
    expect([test.pool.alive, test.pool.restarting]).toStrictEqual([1, true]);
    const { failures } = await test.batcher.submit(texts, 'bulk');
    expect(failures.size).toBe(0);
    while (test.pool.alive < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(test.opened).toHaveLength(3);
  });

  it('finds the text that ends a host, and answers all others as if it had not been there', async () => {
    const deadly = 'the one';
    const mixed = texts.slice(0, 8).with(5, deadly);
    await using harmless = await openPool(1);
    await using test = await openPool(1, deadly);
    const expected = await harmless.batcher.submit(mixed, 'bulk');
    const { failures, probabilities } = await test.batcher.submit(mixed, 'bulk');
    expect([...failures].map(([row, { code }]) => [row, code])).toStrictEqual([[5, 'TEXT_ENDS_HOST']]);
    const classes = bundle.manifest.labels.length;
    for (const row of mixed.keys()) {
      const of = (values: Float32Array) => values.subarray(row * classes, (row + 1) * classes);
      if (row !== 5) expect(of(probabilities)).toStrictEqual(of(expected.probabilities));
    }
  }, 60_000);

  it('waits longer and longer for a host that ends without having been asked anything', async () => {
    const third = Promise.withResolvers<void>();
    let starts = 0;
    const pool = await HostPool.open({
      hosts: 1,
      async open(signal) {
        const host = await ModelHost.open(hostModel(bundle), { executionProviders: ['cpu'], threads: 1, signal });
        if (++starts === 3) third.resolve();
        process.kill(host.pid, 'SIGKILL');
        return host;
      },
      onEnded: () => undefined,
      onChange: () => undefined,
      logger: silentLogger,
    });
    const startedAt = performance.now();
    await third.promise;
    await pool.close();
    // 200 and 400 ms.
    expect(performance.now() - startedAt).toBeGreaterThan(599);
  });

  it('refuses to run on the processor what is to run on a device', async () => {
    const opening = ModelHost.open(hostModel(bundle), { executionProviders: ['cuda'], threads: 1 });
    await expect(opening).rejects.toThrow(/no execution provider could open the model \(cuda: /);
    const falling = await ModelHost.open(hostModel(bundle), { executionProviders: ['cuda', 'cpu'], threads: 1 });
    expect(falling.device).toBe('cpu');
    await falling.close();
  });
});
