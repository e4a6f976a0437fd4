import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BatchResult, Lease, Serving } from './batch-job.ts';
import { type BatcherOptions, DynamicBatcher } from './dynamic-batcher.ts';
import { modelError } from './errors.ts';
import type { HostAnswer } from './model-host.ts';

interface HandedOver {
  texts: readonly string[];
  version: number;
  answer: () => void;
  fail: (error: Error) => void;
}

/** Hosts that answer when told to: the probability of a text is its length, and its version. */
function controlledHosts(room = 2) {
  const batches: HandedOver[] = [];
  let changed = Promise.withResolvers<void>();
  const state = { version: 1, leases: 0, room, down: false, gone: new Set<number>(), milliseconds: 1 };
  const alive = (version: number) => !state.down && !state.gone.has(version);
  const inFlight = new Map<number, number>();
  const servings = new Map<number, Serving>();
  const servingOf = (version: number): Serving => {
    const made = { model: 'm', version, epoch: version, bundleDigest: '', labels: ['a', 'b'], device: 'cpu' };
    const serving = servings.get(version) ?? { ...made, maximumLength: 1000 };
    servings.set(version, serving);
    return serving;
  };
  const acquire = (): Lease | undefined => {
    const { version } = state;
    state.leases++;
    return {
      serving: servingOf(version),
      room: () => (!alive(version) ? 0 : state.room - (inFlight.get(version) ?? 0)),
      alive: () => alive(version),
      idle: () => alive(version) && (inFlight.get(version) ?? 0) === 0,
      async answer(texts) {
        const { promise, resolve, reject } = Promise.withResolvers<HostAnswer>();
        inFlight.set(version, (inFlight.get(version) ?? 0) + 1);
        const probabilities = Float32Array.from(texts.flatMap((text) => [valueOf(text), version]));
        const columns = { needed: texts.length, run: texts.length };
        const answer = {
          probabilities,
          truncated: new Uint8Array(texts.length),
          refused: [],
          columns,
          milliseconds: state.milliseconds,
        };
        batches.push({ texts, version, answer: () => resolve(answer), fail: reject });
        try {
          return await promise;
        } finally {
          inFlight.set(version, (inFlight.get(version) ?? 0) - 1);
        }
      },
      release: () => void state.leases--,
    };
  };
  const change = () => {
    const { resolve } = changed;
    changed = Promise.withResolvers();
    resolve();
  };
  return { batches, acquire, changed: () => changed.promise, change, state };
}

const clock = { now: () => 0 };
const tick = () => new Promise((resolve) => setImmediate(resolve));
/** Every text carries its number, and is as long as it likes. */
const valueOf = (text: string) => Number.parseInt(text, 10);

function batcher(hosts: ReturnType<typeof controlledHosts>, options: Partial<BatcherOptions> = {}) {
  const { acquire, changed } = hosts;
  const limits = { maximumBatchTokens: 4, maximumBatchTime: 1e9, maximumQueuedTexts: 1000 };
  return new DynamicBatcher({ acquire, changed, clock, ...limits, ...options });
}

/** Answers batch after batch until nothing comes any more. */
async function answerAll({ batches }: ReturnType<typeof controlledHosts>, from = 0): Promise<void> {
  let next = from;
  for (let idle = 0; idle < 5;) {
    await tick();
    if (next < batches.length) {
      batches[next++]?.answer();
      idle = 0;
    } else idle++;
  }
}

function valuesOf({ probabilities }: BatchResult): number[] {
  return [...probabilities].filter((_, i) => i % 2 === 0);
}

describe('DynamicBatcher', () => {
  it('loses, doubles and mixes up nothing, whatever hosts, versions and callers do', async () => {
    const request = fc.record({
      lengths: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 12 }),
      interactive: fc.boolean(),
      givesUp: fc.boolean(),
    });
    const events = fc.array(fc.constantFrom('answer', 'later', 'swap', 'killed', 'abort', 'submit'), {
      minLength: 20,
      maxLength: 80,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 1, maxLength: 20 }),
        events,
        fc.record({ budget: fc.integer({ min: 1, max: 64 }), room: fc.constantFrom(1, 2, 4) }),
        fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
        async (requests, story, { budget, room }, deadly) => {
          const hosts = controlledHosts(room);
          const under = batcher(hosts, { maximumBatchTokens: budget });
          let number = 0;
          const waiting = requests.map(({ lengths, ...how }) => ({
            ...how,
            texts: lengths.map((length) => `${++number}`.padEnd(length, ' ')),
            controller: new AbortController(),
          }));
          const asked: { one: (typeof waiting)[number]; outcome: Promise<BatchResult | 'given up'> }[] = [];
          const submit = () => {
            const one = waiting[asked.length];
            if (one === undefined) return;
            const priority = one.interactive ? 'interactive' : 'bulk';
            const outcome = under.submit(one.texts, priority, one.controller.signal);
            asked.push({ one, outcome: outcome.catch(() => 'given up' as const) });
          };
          const open = new Set<HandedOver>();
          let seen = 0;
          const collect = () => {
            for (; seen < hosts.batches.length; seen++) {
              const batch = hosts.batches[seen];
              if (batch !== undefined) open.add(batch);
            }
          };
          const settle = (batch: HandedOver | undefined, how: (batch: HandedOver) => void) => {
            if (batch === undefined) return;
            open.delete(batch);
            how(batch);
          };
          const exited = () => modelError('MODEL_HOST_EXITED');
          const run = (batch: HandedOver) =>
            batch.texts.some((text) => deadly.includes(valueOf(text))) ? batch.fail(exited()) : batch.answer();
          /** How often a text was alone with a host that was killed from outside. */
          const unlucky = new Map<string, number>();
          const kill = (batch: HandedOver) => {
            const [text = '', ...others] = batch.texts;
            if (others.length === 0) unlucky.set(text, (unlucky.get(text) ?? 0) + 1);
            batch.fail(exited());
          };
          for (const what of story) {
            collect();
            if (what === 'submit') submit();
            if (what === 'answer') settle([...open][0], run);
            if (what === 'later') settle([...open].at(-1), run);
            if (what === 'swap') {
              hosts.state.version++;
              hosts.change();
            }
            if (what === 'killed') {
              const [underWay, ...later] = open;
              settle(underWay, kill);
              for (const batch of later) settle(batch, (other) => other.fail(modelError('BATCH_NOT_STARTED')));
            }
            if (what === 'abort') asked.findLast(({ one }) => one.givesUp)?.one.controller.abort(new Error('enough'));
            await tick();
          }
          while (asked.length < waiting.length) submit();
          for (let idle = 0; idle < 5;) {
            await tick();
            collect();
            idle = open.size === 0 ? idle + 1 : 0;
            settle([...open][0], run);
          }
          for (const { one, outcome } of asked) {
            const result = await outcome;
            if (result === 'given up') {
              expect(one.controller.signal.aborted).toBe(true);
              continue;
            }
            const condemned = [...result.failures.keys()];
            for (const [row, text] of one.texts.entries()) {
              const ends = deadly.includes(valueOf(text));
              expect(condemned.includes(row)).toBe(ends || (condemned.includes(row) && (unlucky.get(text) ?? 0) > 1));
            }
            expect(valuesOf(result).filter((_, row) => !condemned.includes(row))).toStrictEqual(
              one.texts.map(valueOf).filter((_, row) => !condemned.includes(row)),
            );
            const versions = new Set([...result.probabilities].filter((_, i) => i % 2 === 1));
            versions.delete(0);
            expect([...versions].every((version) => version === result.serving.version)).toBe(true);
          }
          for (const { texts } of hosts.batches) {
            const longest = Math.max(...texts.map(({ length }) => length));
            // What is asked again after a host ended is what was asked before, or a part of it.
            expect(texts.length === 1 || texts.length * longest <= budget).toBe(true);
          }
          expect(hosts.state.leases).toBe(0);
          expect(under.queuedTexts).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes texts of similar length together and restores their order', async () => {
    const hosts = controlledHosts();
    const under = batcher(hosts, { maximumBatchTokens: 20 });
    const lengths = [10, 2, 10, 2, 2, 9];
    const texts = lengths.map((length, i) => `${i + 1}`.padEnd(length, ' '));
    const result = under.submit(texts, 'bulk');
    await answerAll(hosts);
    expect(hosts.batches.map((batch) => batch.texts.map(valueOf))).toStrictEqual([[2, 4, 5], [6, 1], [3]]);
    expect(valuesOf(await result)).toStrictEqual([1, 2, 3, 4, 5, 6]);
  });

  it('gives a slow model smaller batches', async () => {
    const hosts = controlledHosts(1);
    // Hosts take 1 ms a batch here: one of four units shows that a unit costs 0.25 ms.
    const under = batcher(hosts, { maximumBatchTokens: 1000, maximumBatchTime: 0.5 });
    void under.submit(['1', '2', '3', '4'], 'bulk');
    await answerAll(hosts);
    void under.submit(
      Array.from({ length: 6 }, (_, i) => String(i + 1)),
      'bulk',
    );
    await answerAll(hosts, 1);
    expect(hosts.batches[1]?.texts).toHaveLength(2);
  });

  it('keeps two batches with a host and lets interactive texts overtake, but not starve, bulk', async () => {
    const hosts = controlledHosts();
    const under = batcher(hosts, { maximumBatchTokens: 1 });
    for (let i = 1; i <= 4; i++) void under.submit([String(i)], 'bulk');
    for (let i = 1; i <= 9; i++) void under.submit([String(i + 4)], 'interactive');
    await tick();
    expect(hosts.batches).toHaveLength(2);
    await answerAll(hosts);
    const order = hosts.batches.map(({ texts }) => valueOf(texts[0] ?? ''));
    expect(order.slice(0, 6)).toStrictEqual([1, 2, 5, 6, 7, 8]);
    expect(order[6]).toBe(3);
    expect(new Set(order).size).toBe(13);
  });

  it('refuses interactive texts beyond its queue, says so and when to come back', async () => {
    const hosts = controlledHosts();
    const under = batcher(hosts, { maximumBatchTokens: 1, maximumQueuedTexts: 2 });
    const first = [under.submit(['1'], 'bulk'), under.submit(['2'], 'bulk')];
    void under.submit(['3', '4'], 'interactive');
    await expect(under.submit(['5'], 'interactive')).rejects.toMatchObject({
      code: 'BATCH_QUEUE_FULL',
      retriable: true,
    });
    expect([under.queuedTexts, under.retryAfter]).toStrictEqual([2, 1]);
    await answerAll(hosts);
    await Promise.all(first);
  });

  it('has room for one request of any size', async () => {
    const hosts = controlledHosts();
    const under = batcher(hosts, { maximumBatchTokens: 1, maximumQueuedTexts: 2 });
    for (const n of [1, 2]) void under.submit([String(n)], 'bulk');
    const large = under.submit(['3', '4', '5'], 'interactive');
    await expect(under.submit(['6'], 'interactive')).rejects.toMatchObject({ code: 'BATCH_QUEUE_FULL' });
    await answerAll(hosts);
    expect(valuesOf(await large)).toStrictEqual([3, 4, 5]);
  });

  it('leaves out a request that was given up while it waited, and has room again', async () => {
    const hosts = controlledHosts();
    const under = batcher(hosts, { maximumBatchTokens: 1, maximumQueuedTexts: 2 });
    void under.submit(['1'], 'bulk');
    void under.submit(['2'], 'bulk');
    const cancel = new AbortController();
    const cancelled = under.submit(['3'], 'interactive', cancel.signal).catch((error: unknown) => error);
    const kept = under.submit(['4'], 'interactive');
    cancel.abort(new Error('too late'));
    expect(await cancelled).toMatchObject({ message: 'too late' });
    expect(under.queuedTexts).toBe(1);
    await answerAll(hosts);
    expect(valuesOf(await kept)).toStrictEqual([4]);
    expect(hosts.batches.flatMap(({ texts }) => texts)).not.toContain('3');
  });

  it('waits for a host that is started again, and for the version it began with', async () => {
    const hosts = controlledHosts();
    const under = batcher(hosts, { maximumBatchTokens: 1 });
    const result = under.submit(['1', '2', '3'], 'bulk');
    await tick();
    hosts.state.down = true;
    hosts.batches[0]?.fail(modelError('MODEL_HOST_EXITED'));
    hosts.batches[1]?.fail(modelError('BATCH_NOT_STARTED'));
    await tick();
    expect(hosts.batches).toHaveLength(2);
    hosts.state.version = 2;
    hosts.state.down = false;
    hosts.change();
    await answerAll(hosts, 2);
    const { serving, failures } = await result;
    expect(serving.version).toBe(1);
    expect(failures.size).toBe(0);
    expect(valuesOf(await result)).toStrictEqual([1, 2, 3]);
  });

  it('finds the one text that ends its host, and answers all others', async () => {
    const hosts = controlledHosts(1);
    const under = batcher(hosts, { maximumBatchTokens: 100 });
    const texts = Array.from({ length: 40 }, (_, i) => String(i + 1));
    const result = under.submit(texts, 'bulk');
    let deaths = 0;
    for (let next = 0, idle = 0; idle < 5;) {
      await tick();
      const batch = hosts.batches[next];
      if (batch === undefined) {
        idle++;
        continue;
      }
      next++;
      idle = 0;
      if (batch.texts.includes('17')) {
        deaths++;
        batch.fail(modelError('MODEL_HOST_EXITED'));
      } else batch.answer();
    }
    const { failures, probabilities } = await result;
    expect([...failures].map(([row, { code }]) => [row, code])).toStrictEqual([[16, 'TEXT_ENDS_HOST']]);
    for (const [row, text] of texts.entries()) if (row !== 16) expect(probabilities[row * 2]).toBe(Number(text));
    // Whole twice, each of the halves that hold it once, and alone twice.
    expect(deaths).toBeLessThanOrEqual(9);
  });

  it('begins anew with the version that serves now, when the hosts of the one before are gone', async () => {
    const hosts = controlledHosts();
    const under = batcher(hosts, { maximumBatchTokens: 1 });
    const begun = under.submit(['1', '2', '3'], 'bulk');
    const waiting = under.submit(['4'], 'interactive');
    await tick();
    hosts.batches[0]?.answer();
    await tick();
    hosts.state.down = true;
    for (const batch of hosts.batches.slice(1)) batch.fail(modelError('MODEL_HOST_EXITED'));
    await tick();
    // Its successor has hosts of its own.
    hosts.state.version = 2;
    hosts.state.down = false;
    hosts.state.gone.add(1);
    hosts.change();
    await answerAll(hosts, 3);
    for (const result of [await begun, await waiting]) {
      expect(result.serving.version).toBe(2);
      expect([...result.probabilities].filter((_, i) => i % 2 === 1).every((version) => version === 2)).toBe(true);
    }
    expect(valuesOf(await begun)).toStrictEqual([1, 2, 3]);
    expect(hosts.state.leases).toBe(0);
  });

  it('asks nothing again of a version that ends over everything, once another serves', async () => {
    const hosts = controlledHosts(1);
    const under = batcher(hosts, { maximumBatchTokens: 100 });
    const texts = Array.from({ length: 40 }, (_, i) => String(i + 1));
    const result = under.submit(texts, 'bulk');
    await tick();
    hosts.state.version = 2;
    hosts.change();
    hosts.batches[0]?.fail(modelError('MODEL_HOST_EXITED'));
    await answerAll(hosts, 1);
    expect((await result).serving.version).toBe(2);
    expect(hosts.batches.map(({ version }) => version)).toStrictEqual([1, 2]);
  });

  it('answers others with the new version while rows of the old one are asked again', async () => {
    const hosts = controlledHosts(1);
    const under = batcher(hosts, { maximumBatchTokens: 100 });
    const first = under.submit(['1', '2'], 'bulk');
    await tick();
    hosts.batches[0]?.fail(modelError('MODEL_HOST_EXITED'));
    await tick();
    hosts.state.version = 2;
    hosts.change();
    const second = under.submit(['3'], 'interactive');
    await tick();
    expect(hosts.batches.map(({ version }) => version)).toStrictEqual([1, 1, 2]);
    await answerAll(hosts, 1);
    expect([(await first).serving.version, (await second).serving.version]).toStrictEqual([1, 2]);
  });

  it('knows nothing yet of how fast another version is', async () => {
    const hosts = controlledHosts(1);
    const under = batcher(hosts, { maximumBatchTokens: 1e6, maximumBatchTime: 1e6 });
    void under.submit(['1'], 'bulk');
    await answerAll(hosts);
    hosts.state.version = 2;
    hosts.change();
    void under.submit(
      Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(100)),
      'bulk',
    );
    await tick();
    expect(hosts.batches[1]?.texts).toHaveLength(40);
    await answerAll(hosts, 1);
  });

  it('counts no more of a long text than the model takes', async () => {
    const hosts = controlledHosts(1);
    const under = batcher(hosts, { maximumBatchTokens: 2000 });
    void under.submit(['1'.padEnd(50_000), '2'.padEnd(50_000)], 'bulk');
    await tick();
    expect(hosts.batches[0]?.texts).toHaveLength(2);
  });

  it('says when to come back by what batches have taken', async () => {
    const hosts = controlledHosts(1);
    const under = batcher(hosts, { maximumBatchTokens: 1, maximumQueuedTexts: 1e6 });
    hosts.state.milliseconds = 2000;
    void under.submit(['1'], 'bulk');
    await answerAll(hosts);
    void under.submit(['2'], 'bulk');
    for (const text of ['3', '4', '5']) void under.submit([text], 'interactive');
    await tick();
    expect([under.queuedTexts, under.retryAfter]).toStrictEqual([3, 6]);
    await answerAll(hosts, 1);
  });

  it('hands a failure that is not of the hosts to its requests and goes on', async () => {
    const hosts = controlledHosts();
    const under = batcher(hosts);
    const failed = under.submit(['1'], 'bulk');
    await tick();
    hosts.batches[0]?.fail(new Error('a mistake'));
    await expect(failed).rejects.toThrow('a mistake');
    const next = under.submit(['2'], 'bulk');
    await answerAll(hosts, 1);
    expect(valuesOf(await next)).toStrictEqual([2]);
    expect(hosts.state.leases).toBe(0);
  });

  it('rejects what waits when it is closed', async () => {
    const hosts = controlledHosts(0);
    const under = batcher(hosts);
    const waiting = under.submit(['1'], 'bulk');
    under.close();
    await expect(waiting).rejects.toMatchObject({ code: 'MODEL_NOT_SERVING' });
    await expect(under.submit(['2'], 'interactive')).rejects.toMatchObject({ code: 'MODEL_NOT_SERVING' });
    expect(hosts.state.leases).toBe(0);
  });
});
