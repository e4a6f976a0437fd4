import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelVersion } from '#libs/events';
import { silentLogger } from '#libs/platform';
import { type Bundle, readBundle } from './bundle.ts';
import { modelError } from './errors.ts';
import type { Lease } from './batch-job.ts';
import { HostPool } from './host-pool.ts';
import { hostModel, ModelHost } from './model-host.ts';
import { ModelSlot, type SlotOptions, type SlotProgress } from './model-slot.ts';
import { temporaryFolder, testText, writeTestBundle } from './testing/test-bundle.ts';
import { versionEvent } from './testing/version-event.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundles: Bundle[];
beforeAll(async () => {
  folder = await temporaryFolder();
  bundles = [];
  for (const variant of [0, 1, 2]) bundles.push(await writeTestBundle(join(folder.path, `v${variant}`), { variant }));
});
afterAll(() => folder[Symbol.asyncDispose]());

function event(version: number, epoch = version): ModelVersion {
  const bundleDigest = bundles[version - 1]?.digest ?? '0'.repeat(64);
  return versionEvent({ model: 'test', version, epoch, bundleDigest });
}

/** A slot over real bundles and real host processes. */
function openSlot(
  materialise?: (digest: string, signal: AbortSignal) => Promise<string>,
  options: Partial<SlotOptions> = {},
) {
  const progress: SlotProgress[] = [];
  const hosts: ModelHost[] = [];
  const hostsEnded: string[] = [];
  const directories = new Map(bundles.map(({ digest, directory }) => [digest, directory]));
  const slot = new ModelSlot({
    model: 'test',
    materialise: materialise ?? ((digest) => Promise.resolve(directories.get(digest) ?? join(folder.path, 'missing'))),
    verify: readBundle,
    openHosts: (bundle, { onChange, signal }) =>
      HostPool.open(
        {
          hosts: 1,
          async open(opening) {
            const host = await ModelHost.open(hostModel(bundle), {
              executionProviders: ['cpu'],
              threads: 1,
              signal: opening,
            });
            hosts.push(host);
            return host;
          },
          onEnded: () => void hostsEnded.push('ended'),
          onChange,
          logger: silentLogger,
        },
        signal,
      ),
    onProgress: (step) => progress.push(step),
    logger: silentLogger,
    ...options,
  });
  const states = (version: number) =>
    progress.filter((step) => step.event.version === version).map(({ state }) => state);
  return { slot, progress, states, hosts, hostsEnded, [Symbol.asyncDispose]: () => slot.close() };
}

/** A lease as soon as there is one that has room. */
async function leaseOf(slot: ModelSlot): Promise<Lease> {
  for (;;) {
    const lease = slot.acquire();
    if (lease !== undefined && lease.room() > 0) return lease;
    lease?.release();
    await slot.changed();
  }
}

describe('ModelSlot', () => {
  it('loads only the newest of a storm of version events', async () => {
    const fetched: string[] = [];
    const begun = Promise.withResolvers<void>();
    const directories = new Map(bundles.map(({ digest, directory }) => [digest, directory]));
    await using opened = openSlot((digest, signal) => {
      fetched.push(digest);
      begun.resolve();
      // The first one never comes: it must be given up for the newest.
      if (fetched.length === 1) return new Promise((_, reject) => signal.addEventListener('abort', reject));
      return Promise.resolve(directories.get(digest) ?? '');
    });
    const { slot, hosts, progress } = opened;
    slot.apply(event(1, 1));
    await begun.promise;
    for (let epoch = 2; epoch <= 1000; epoch++) slot.apply(event((epoch % 3) + 1, epoch));
    await slot.settled();
    expect(slot.serving?.epoch).toBe(1000);
    expect(fetched).toHaveLength(2);
    expect(hosts).toHaveLength(1);
    const told = progress.map(({ event: { epoch }, state }) => `${epoch} ${state}`);
    expect(told).toStrictEqual([
      '1 requested',
      '1 superseded',
      ...['requested', 'fetched', 'verified', 'warm', 'serving'].map((state) => `1000 ${state}`),
    ]);
  });

  it('goes no further with a version that is superseded while it is fetched, by whom does not ask', async () => {
    const fetched = Promise.withResolvers<string>();
    await using test = openSlot((digest) =>
      digest === bundles[0]?.digest ? fetched.promise : Promise.resolve(bundles[1]?.directory ?? ''),
    );
    test.slot.apply(event(1));
    await Promise.resolve();
    test.slot.apply(event(2));
    fetched.resolve(bundles[0]?.directory ?? '');
    await test.slot.settled();
    expect(test.states(1)).toStrictEqual(['requested', 'superseded']);
    expect(test.slot.serving?.version).toBe(2);
  });

  it('stops answering when a newer version cannot be followed in time, and goes on when it can', async () => {
    const directories = new Map(bundles.map(({ digest, directory }) => [digest, directory]));
    let away = true;
    let fetches = 0;
    const steps: SlotProgress[] = [];
    await using opened = openSlot(
      (digest) => {
        if (away && digest === bundles[1]?.digest)
          throw modelError('MODEL_HOST_EXITED', { detail: `not now, ${++fetches}` });
        return Promise.resolve(directories.get(digest) ?? '');
      },
      { maximumStaleness: 50, onProgress: (step) => void steps.push(step) },
    );
    const { slot } = opened;
    slot.apply(event(1));
    await slot.settled();
    slot.apply(event(2));
    (await leaseOf(slot)).release();
    const patience = { timeout: 10_000 };
    await expect.poll(() => steps.at(-1)?.state, patience).toBe('stale');
    const [stale] = steps.slice(-1);
    expect(stale?.error).toMatch(/version 2 could not be followed in time, and version 1 may not serve/);
    expect(() => slot.acquire()).toThrow(/should serve but does not/);
    const before = fetches;
    await expect.poll(() => fetches, patience).toBeGreaterThan(before);
    // It is still what answers nothing, and why is told anew.
    expect(steps.at(-1)).toMatchObject({ state: 'stale', error: expect.stringContaining(`not now, ${fetches}`) });
    expect(steps.at(-1)?.error).toMatch(/version 2 could not be followed in time/);
    away = false;
    await slot.settled();
    const lease = await leaseOf(slot);
    expect(lease.serving.version).toBe(2);
    lease.release();
  });

  it('says every step, and serves', async () => {
    await using test = openSlot();
    expect(test.slot.apply(event(1))).toBe('accepted');
    await test.slot.settled();
    expect(test.states(1)).toStrictEqual(['requested', 'fetched', 'verified', 'warm', 'serving']);
    expect(test.slot.serving).toMatchObject({ version: 1, epoch: 1, labels: ['north', 'south'], device: 'cpu' });
  });

  it('lets the old version finish what it has begun, then ends it', async () => {
    await using test = openSlot();
    test.slot.apply(event(1));
    const lease = await leaseOf(test.slot);
    test.slot.apply(event(2));
    while (test.slot.serving?.version !== 2) await new Promise((resolve) => setImmediate(resolve));
    expect(lease.serving.version).toBe(1);
    expect((await lease.answer([testText('north', 1)])).probabilities).toHaveLength(2);
    lease.release();
    await test.slot.settled();
    await test.hosts[0]?.exited;
    expect(test.slot.serving?.epoch).toBe(2);
  });

  it('keeps the old version when the new one cannot be loaded', async () => {
    await using test = openSlot();
    test.slot.apply(event(1));
    await test.slot.settled();
    test.slot.apply(event(9));
    await test.slot.settled();
    expect(test.states(9)).toStrictEqual(['requested', 'fetched', 'failed']);
    expect(test.progress.at(-1)?.error).toContain('manifest.json cannot be read');
    expect(test.slot.serving?.version).toBe(1);
    test.slot.apply(event(2, 10));
    await test.slot.settled();
    expect(test.slot.serving).toMatchObject({ version: 2, epoch: 10 });
  });

  it('refuses a bundle that is not the one the event names', async () => {
    await using test = openSlot(() => Promise.resolve(join(folder.path, 'v1')));
    test.slot.apply(event(1));
    await test.slot.settled();
    expect(test.progress.at(-1)).toMatchObject({ state: 'failed', error: expect.stringContaining('expected') });
    expect(() => test.slot.acquire()).toThrow(expect.objectContaining({ code: 'MODEL_NOT_SERVING', retriable: true }));
  });

  it('takes only higher epochs, and tells a repetition from a contradiction', async () => {
    await using test = openSlot();
    test.slot.apply(event(2, 5));
    expect(test.slot.apply(event(2, 5))).toBe('repeated');
    expect(test.slot.apply(event(1, 4))).toBe('outdated');
    expect(test.slot.apply(event(1, 5))).toBe('contradicting');
    await test.slot.settled();
    expect(test.slot.serving).toMatchObject({ version: 2, epoch: 5 });
  });

  it('tries again while the store cannot be reached', async () => {
    let calls = 0;
    await using test = openSlot(() =>
      calls++ < 2 ? Promise.reject(modelError('MODEL_HOST_TIMEOUT')) : Promise.resolve(bundles[0]?.directory ?? ''),
    );
    test.slot.apply(event(1));
    await test.slot.settled();
    expect(calls).toBe(3);
    expect(test.slot.serving?.version).toBe(1);
  });

  it('has attempted a version when it serves or has failed once, and goes on trying', async () => {
    let away = true;
    await using test = openSlot(() =>
      away ? Promise.reject(modelError('MODEL_HOST_TIMEOUT')) : Promise.resolve(bundles[0]?.directory ?? ''),
    );
    await test.slot.attempted();
    test.slot.apply(event(1));
    await test.slot.attempted();
    expect(test.states(1)).toStrictEqual(['requested', 'failed']);
    expect(test.slot.loading).toBe(true);
    away = false;
    await test.slot.settled();
    expect(test.slot.serving?.version).toBe(1);
  });

  it('leaves a version unopened that nobody waits for and there is no room for, until its first text', async () => {
    await using test = openSlot(undefined, {
      openHosts: (bundle, { onChange, signal }) => {
        if (!test.slot.awaited) throw modelError('MODEL_DEFERRED');
        const open = () => ModelHost.open(hostModel(bundle), { executionProviders: ['cpu'], threads: 1, signal });
        return HostPool.open({ hosts: 1, open, onEnded: onChange, onChange, logger: silentLogger }, signal);
      },
    });
    const { slot } = test;
    slot.apply(event(1));
    await slot.settled();
    expect(test.states(1)).toStrictEqual(['requested', 'fetched', 'verified']);
    // A newer one takes its place.
    slot.apply(event(2));
    await slot.settled();
    expect(slot.acquire()).toBeUndefined();
    const lease = await leaseOf(slot);
    expect(lease.serving.version).toBe(2);
    lease.release();
    expect(test.states(2).slice(0, 3)).toStrictEqual(['requested', 'fetched', 'verified']);
    expect(test.states(2).slice(-2)).toStrictEqual(['warm', 'serving']);
    // What was unloaded for want of use is not opened for a successor that nobody waits for either.
    await slot.settled();
    expect(await slot.unload({ inUse: false })).toBe(true);
    slot.apply(event(3));
    await slot.settled();
    expect(slot.serving?.version).toBe(2);
    const next = await leaseOf(slot);
    expect(next.serving.version).toBe(3);
    next.release();
  });

  it('starts a host again that was killed, while texts wait', async () => {
    await using test = openSlot();
    test.slot.apply(event(1));
    await test.slot.settled();
    const [host] = test.hosts;
    process.kill(host?.pid ?? 0, 'SIGKILL');
    await host?.exited;
    const lease = await leaseOf(test.slot);
    expect((await lease.answer(['text'])).probabilities).toHaveLength(2);
    expect(test.hosts).toHaveLength(2);
    expect(test.hostsEnded).toEqual(['ended']);
    lease.release();
  });

  it('starts a killed host again although the next version turns out not to load', async () => {
    await using test = openSlot();
    test.slot.apply(event(1));
    await test.slot.settled();
    const [host] = test.hosts;
    process.kill(host?.pid ?? 0, 'SIGKILL');
    await host?.exited;
    test.slot.apply(event(9));
    const lease = await leaseOf(test.slot);
    expect(lease.serving.version).toBe(1);
    lease.release();
  });

  it('gives up a version that cannot be fetched for a newer one, also after its host was killed', async () => {
    const unreachable = bundles[1]?.digest;
    await using test = openSlot((digest) =>
      digest === unreachable
        ? Promise.reject(modelError('MODEL_HOST_TIMEOUT'))
        : Promise.resolve(bundles.find((bundle) => bundle.digest === digest)?.directory ?? ''),
    );
    test.slot.apply(event(1));
    await test.slot.settled();
    test.slot.apply(event(2));
    const [host] = test.hosts;
    process.kill(host?.pid ?? 0, 'SIGKILL');
    await host?.exited;
    (await leaseOf(test.slot)).release();
    test.slot.apply(event(3));
    await test.slot.settled();
    expect(test.slot.serving?.version).toBe(3);
  });
});
