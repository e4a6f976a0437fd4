import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DynamicBatcher, type Lease, type Serving } from './dynamic-batcher.ts';

const serving: Serving = { model: 'm', version: 1, epoch: 1, bundleDigest: '', labels: ['a', 'b'], device: 'cpu' };

/** A host that answers when told to, with the number in each text. */
function controlledHost() {
  const batches: { texts: readonly string[]; answer: () => void; fail: (error: Error) => void }[] = [];
  let leases = 0;
  const acquire = (): Promise<Lease> => {
    leases++;
    return Promise.resolve({
      serving,
      classify(texts) {
        const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<Lease['classify']>>>();
        const probabilities = Float32Array.from(texts.flatMap((text) => [Number(text), 0]));
        const answer = () => resolve({ probabilities, truncated: new Uint8Array(texts.length), milliseconds: 1 });
        batches.push({ texts, answer, fail: reject });
        return promise;
      },
      release: () => void leases--,
    });
  };
  return { batches, acquire, open: () => leases };
}

const clock = { now: () => 0 };
const tick = () => new Promise((resolve) => setImmediate(resolve));

function batcher(host: ReturnType<typeof controlledHost>, maximumTexts = 4, maximumQueuedTexts = 1000) {
  return new DynamicBatcher({ acquire: host.acquire, maximumTexts, maximumQueuedTexts, clock });
}

describe('DynamicBatcher', () => {
  it('loses, doubles and mixes up nothing, and keeps to its budget', async () => {
    const request = fc.record({
      texts: fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 9 }),
      interactive: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { maxLength: 40 }),
        fc.integer({ min: 1, max: 8 }),
        async (requests, budget) => {
          const host = controlledHost();
          const under = batcher(host, budget);
          const results = requests.map(({ texts, interactive }) =>
            under.submit(texts.map(String), interactive ? 'interactive' : 'bulk'),
          );
          let answered = 0;
          for (let idle = 0; idle < 5;) {
            await tick();
            if (answered === host.batches.length) idle++;
            else host.batches[answered++]?.answer();
          }
          const all = await Promise.all(results);
          for (const [i, { texts }] of requests.entries()) {
            const rows = texts.map((_, row) => all[i]?.probabilities[row * 2]);
            expect(rows).toStrictEqual([...Float32Array.from(texts)]);
          }
          for (const { texts } of host.batches) {
            const single = requests.some(
              ({ texts: own }) => own.length === texts.length && own.map(String).join() === texts.join(),
            );
            expect(texts.length <= budget || single).toBe(true);
          }
          expect(host.open()).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps two batches with the host and lets interactive texts overtake, but not starve, bulk', async () => {
    const host = controlledHost();
    const under = batcher(host, 1);
    for (let i = 1; i <= 4; i++) void under.submit([String(i)], 'bulk');
    for (let i = 11; i <= 20; i++) void under.submit([String(i)], 'interactive');
    const order: string[] = [];
    await tick();
    expect(host.batches).toHaveLength(2);
    for (let i = 0; i < 14; i++) {
      order.push(host.batches[i]?.texts[0] ?? '');
      host.batches[i]?.answer();
      await tick();
    }
    expect(order.slice(0, 2)).toStrictEqual(['1', '2']);
    expect(order.slice(2, 6)).toStrictEqual(['11', '12', '13', '14']);
    expect(order.indexOf('3')).toBeLessThan(order.indexOf('16'));
    expect(new Set(order).size).toBe(14);
  });

  it('refuses interactive texts beyond its queue, and says so', async () => {
    const host = controlledHost();
    const under = batcher(host, 1, 2);
    const first = [under.submit(['1'], 'bulk'), under.submit(['2'], 'bulk')];
    void under.submit(['3', '4'], 'interactive');
    await expect(under.submit(['5'], 'interactive')).rejects.toMatchObject({
      code: 'BATCH_QUEUE_FULL',
      retriable: true,
    });
    expect(under.queuedTexts).toBe(2);
    await tick();
    for (const { answer } of host.batches) answer();
    await Promise.all(first);
  });

  it('has room for one request of any size', async () => {
    const host = controlledHost();
    const under = batcher(host, 1, 2);
    for (const n of [1, 2]) void under.submit([String(n)], 'bulk');
    const large = under.submit(['3', '4', '5'], 'interactive');
    await expect(under.submit(['6'], 'interactive')).rejects.toMatchObject({ code: 'BATCH_QUEUE_FULL' });
    await tick();
    for (let i = 0; i < 3; i++) {
      host.batches[i]?.answer();
      await tick();
    }
    expect((await large).probabilities).toHaveLength(6);
  });

  it('leaves out a request that was cancelled while it waited', async () => {
    const host = controlledHost();
    const under = batcher(host, 1);
    void under.submit(['1'], 'bulk');
    void under.submit(['2'], 'bulk');
    const cancel = new AbortController();
    const cancelled = under.submit(['3'], 'interactive', cancel.signal).catch((error: unknown) => error);
    const kept = under.submit(['4'], 'interactive');
    cancel.abort(new Error('too late'));
    await tick();
    for (let i = 0; i < 3; i++) {
      host.batches[i]?.answer();
      await tick();
    }
    expect(await cancelled).toMatchObject({ message: 'too late' });
    expect((await kept).probabilities[0]).toBe(4);
    expect(host.batches.flatMap(({ texts }) => texts)).not.toContain('3');
  });

  it('answers a request that is given up at once, whether it waits or runs, and has room again', async () => {
    const host = controlledHost();
    const under = batcher(host, 1, 2);
    const cancel = new AbortController();
    const given = [1, 2, 3, 4].map((n) => under.submit([String(n)], 'interactive', cancel.signal));
    expect(under.queuedTexts).toBe(2);
    cancel.abort(new Error('too late'));
    const outcomes = await Promise.allSettled(given);
    expect(outcomes.map(({ status }) => status)).toStrictEqual(Array.from(given, () => 'rejected'));
    expect(under.queuedTexts).toBe(0);
    await tick();
    for (const { answer } of host.batches) answer();
    await tick();
    expect(host.open()).toBe(0);
  });

  it('hands the failure of a batch to its requests and goes on', async () => {
    const host = controlledHost();
    const under = batcher(host, 2);
    const failed = under.submit(['1'], 'bulk');
    await tick();
    host.batches[0]?.fail(new Error('the host ended'));
    await expect(failed).rejects.toThrow('the host ended');
    const next = under.submit(['2'], 'bulk');
    await tick();
    host.batches[1]?.answer();
    expect((await next).probabilities[0]).toBe(2);
    expect(host.open()).toBe(0);
  });
});
