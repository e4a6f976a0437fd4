import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RegistryEvent } from '#libs/events';
import { applyRegistryEvent, decideRegistryEvent } from './registry-reducer.ts';
import { emptyRegistryState, type RegistryState } from './registry-state.ts';
import { registryEvent } from './testing/registry-event.ts';

const replay = (events: readonly RegistryEvent[], from = emptyRegistryState) => events.reduce(applyRegistryEvent, from);
const registered = (version: number, fields: Partial<RegistryEvent> = {}) =>
  registryEvent({
    id: `r${version}`,
    kind: 'version-registered',
    version,
    bundleDigest: `digest-${version}`,
    ...fields,
  });
const staged = (version: number, id = `s${version}`) =>
  registryEvent({ id, kind: 'stage-changed', version, stage: 'staging' });
const promoted = (version: number, epoch: number, fields: Partial<RegistryEvent> = {}) =>
  registryEvent({ id: `p${epoch}`, kind: 'promoted', version, epoch, stage: 'production', ...fields });
const rolledBack = (version: number, epoch: number) =>
  registryEvent({ id: `b${epoch}`, kind: 'rolled-back', version, epoch, stage: 'production' });
const served = (...versions: number[]) =>
  versions.flatMap((version) => [registered(version), staged(version), promoted(version, version)]);
const stagesOf = (state: RegistryState) => state.models.get('news')?.versions.map(({ stage }) => stage);
const whyNot = (events: RegistryEvent[], event: RegistryEvent) => {
  const decision = decideRegistryEvent(replay(events), event);
  return decision.outcome === 'illegal' ? decision.why : decision.outcome;
};

describe('versions and stages', () => {
  it('go none, staging, production, archived', () => {
    expect(stagesOf(replay([registered(1)]))).toEqual(['none']);
    expect(stagesOf(replay([registered(1), staged(1)]))).toEqual(['staging']);
    expect(stagesOf(replay(served(1)))).toEqual(['production']);
    expect(stagesOf(replay(served(1, 2)))).toEqual(['archived', 'production']);
  });

  it('say which stage may follow when another one is asked for', () => {
    expect(whyNot([registered(1)], promoted(1, 1))).toBe(
      'news@1 is in stage none and must be staged before it is promoted',
    );
    const production = registryEvent({ id: 'x', kind: 'stage-changed', version: 1, stage: 'production' });
    expect(whyNot([registered(1), staged(1)], production)).toBe(
      'news@1 is in stage staging and may go to archived, not to production (production is entered by promote or rollback)',
    );
    expect(whyNot(served(1), staged(1, 'x'))).toMatch(/news@1 serves; promote another version or roll back/);
    expect(whyNot(served(1), promoted(1, 2))).toBe('news@1 serves already');
  });

  it('are numbered without gaps', () => {
    expect(whyNot([registered(1)], registered(3))).toBe('the next version of news is 2, not 3');
  });

  it('take their labels from the event', () => {
    const labels = { labels: '["b","a"]' };
    expect(replay([registered(1, { parameters: labels })]).models.get('news')?.labels).toEqual(['b', 'a']);
    expect(replay([registered(1, { parameters: { labels: 'junk' } })]).models.get('news')?.labels).toEqual([]);
  });
});

describe('serving', () => {
  it('has rising epochs', () => {
    expect(whyNot([...served(1), registered(2), staged(2)], promoted(2, 1, { id: 'x' }))).toBe(
      'the next serving epoch of news is above 1, not 1',
    );
  });

  it('goes back through what served, never into what was rolled back', () => {
    const state = replay([...served(1, 2, 3), rolledBack(2, 4)]);
    expect(state.models.get('news')).toMatchObject({ serving: { version: 2, epoch: 4 }, previous: 1 });
    expect(stagesOf(state)).toEqual(['archived', 'production', 'archived']);
    expect(replay([rolledBack(1, 5)], state).models.get('news')).toMatchObject({ previous: null });
    expect(replay([rolledBack(3, 5)], state).models.get('news')).toMatchObject({ previous: 2 });
  });

  it('goes back only to what has served', () => {
    expect(whyNot([...served(1, 2), registered(3)], rolledBack(3, 3))).toBe(
      'news@3 has never served; a rollback may go to news@1',
    );
    expect(whyNot(served(1), rolledBack(1, 2))).toBe('news@1 serves already');
  });
});

describe('challengers', () => {
  const set = (version: number, role: string, share = 0, id = `c${version}-${role}-${share}`) =>
    registryEvent({ id, kind: 'challenger-set', version, parameters: { role }, metrics: { share } });
  const withdrawn = (version: number) => registryEvent({ id: `w${version}`, kind: 'challenger-withdrawn', version });
  const two = [...served(1), ...[2, 3].flatMap((version) => [registered(version), staged(version)])];
  const tried = (events: readonly RegistryEvent[]) =>
    replay(events)
      .models.get('news')
      ?.challengers.map(({ version, role, share }) => [version, role, share]);

  it('are shadows and one canary, which may change role and share', () => {
    expect(tried([...two, set(2, 'shadow'), set(3, 'canary', 0.1)])).toEqual([
      [2, 'shadow', 0],
      [3, 'canary', 0.1],
    ]);
    expect(tried([...two, set(2, 'shadow'), set(2, 'canary', 0.5)])).toEqual([[2, 'canary', 0.5]]);
    expect(whyNot([...two, set(2, 'canary', 0.1)], set(3, 'canary', 0.1))).toBe(
      'news@2 is the canary; withdraw it before another one is tried',
    );
  });

  it('are staged versions beside one that serves', () => {
    expect(whyNot([registered(1), staged(1)], set(1, 'shadow'))).toMatch(/nothing of news serves/);
    expect(whyNot(two, set(1, 'shadow'))).toBe('news@1 serves; a challenger is another version');
    expect(whyNot(two, set(4, 'shadow'))).toBe('news has no version 4');
    expect(whyNot([...served(1), registered(2)], set(2, 'shadow'))).toMatch(/must be staged before it is tried/);
    expect(whyNot(two, set(2, 'champion'))).toBe('a challenger is a shadow or a canary, not champion');
    expect(whyNot(two, withdrawn(2))).toBe('news@2 is not tried');
  });

  it.each([0, -0.1, 0.51, Number.NaN])('never answer a share of %d', (share) => {
    expect(whyNot(two, set(2, 'canary', share))).toMatch(/above 0 and up to 0.5/);
  });

  it('end when they are withdrawn, archived or promoted', () => {
    const canary = [...two, set(2, 'canary', 0.1)];
    const archive = registryEvent({ id: 'x', kind: 'stage-changed', version: 2, stage: 'archived' });
    const refuse = registryEvent({ id: 'x', kind: 'refused', version: 2 });
    for (const end of [withdrawn(2), archive, refuse, promoted(2, 2)]) expect(tried([...canary, end])).toEqual([]);
  });

  it('end as canary, and go on as shadow, when another version takes over', () => {
    const beside = [...two, set(2, 'shadow'), set(3, 'canary', 0.1), registered(4), staged(4)];
    expect(tried([...beside, promoted(4, 2)])).toEqual([[2, 'shadow', 0]]);
    expect(tried([...beside, promoted(4, 2), rolledBack(1, 3)])).toEqual([[2, 'shadow', 0]]);
  });
});

describe('runs and requests', () => {
  const started = registryEvent({ id: 'a', kind: 'run-started', runId: 'run', requestId: 'q' });
  const finished = registryEvent({
    id: 'b',
    kind: 'run-finished',
    runId: 'run',
    requestId: 'q',
    lineage: '{"seed":1}',
  });
  const made = registered(1, { runId: 'run', requestId: 'q' });
  const refused = registryEvent({ id: 'c', kind: 'refused', runId: 'run', requestId: 'q', version: 1, reason: 'gate' });

  it('follow a run to its version', () => {
    const run = replay([started, finished, made]).models.get('news')?.runs[0];
    expect(run).toMatchObject({ status: 'finished', version: 1, lineage: { seed: 1 } });
  });

  it('archive what is refused and end its request once', () => {
    const state = replay([started, finished, made, refused]);
    expect(stagesOf(state)).toEqual(['archived']);
    expect(state.models.get('news')?.ended[0]).toMatchObject({ kind: 'refused', version: 1, reason: 'gate' });
    const late = [staged(1), promoted(1, 1, { requestId: 'q' })];
    expect(stagesOf(replay(late, state))).toEqual(['staging']);
  });

  it('cannot fail a run whose version has served', () => {
    const failed = registryEvent({ id: 'f', kind: 'run-failed', runId: 'run', requestId: 'q' });
    expect(whyNot([started, finished, made, staged(1), promoted(1, 1)], failed)).toMatch(
      /made news@1, which has served/,
    );
    expect(replay([started, failed]).models.get('news')?.ended[0]?.kind).toBe('run-failed');
  });
});

describe('any log', () => {
  const kinds = [
    'dataset-added',
    'run-started',
    'run-finished',
    'run-failed',
    'version-registered',
    'stage-changed',
    'promoted',
    'refused',
    'rolled-back',
    'challenger-set',
    'challenger-withdrawn',
    'alias-set',
    'of-a-later-release',
  ];
  const small = fc.option(fc.integer({ min: 0, max: 5 }), { freq: 5 });
  const anyEvent = fc
    .record({
      id: fc.integer({ min: 0, max: 400 }).map((id) => `event-${id}`),
      kind: fc.constantFrom(...kinds),
      model: fc.constantFrom('news', 'mail', '__proto__', 'Not a name'),
      version: small,
      epoch: small,
      runId: fc.option(fc.constantFrom('r1', 'r2', 'r3')),
      requestId: fc.option(fc.constantFrom('q1', 'q2', 'q3')),
      stage: fc.option(fc.constantFrom('none', 'staging', 'production', 'archived', 'constructor')),
      bundleDigest: fc.option(fc.constant('digest')),
      alias: fc.option(fc.constantFrom('best', '__proto__')),
      lineage: fc.constantFrom('', '{}', '{'),
      parameters: fc.constantFrom({}, { labels: '["a"]' }, { labels: '{' }, { role: 'shadow' }, { role: 'canary' }),
      metrics: fc.constantFrom({}, { share: 0.1 }, { share: 2 }),
    })
    .map(registryEvent);
  // Mostly legal: each step is drawn from what the state asks for, so that deep states are reached.
  const logs = fc.array(anyEvent, { maxLength: 150 }).map((events) => {
    let state = emptyRegistryState;
    return events.map((event) => {
      const model = state.models.get(event.model);
      const next = {
        ...event,
        version: event.kind === 'version-registered' ? (model?.versions.length ?? 0) + 1 : event.version,
        epoch: event.epoch === null || event.epoch < 2 ? event.epoch : (model?.epoch ?? 0) + 1,
        stage: event.kind === 'stage-changed' && event.epoch !== 0 ? 'staging' : event.stage,
      };
      state = applyRegistryEvent(state, next);
      return next;
    });
  });

  it('never gives two versions in production, nor falling epochs, nor the serving one another stage', () => {
    fc.assert(
      fc.property(logs, (events) => {
        let state = emptyRegistryState;
        for (const event of events) {
          const before = state;
          state = applyRegistryEvent(state, event);
          for (const [name, model] of state.models) {
            const production = model.versions
              .filter(({ stage }) => stage === 'production')
              .map(({ version }) => version);
            expect(production).toEqual(model.serving === null ? [] : [model.serving.version]);
            const epochs = model.history.map(({ epoch }) => epoch);
            expect(epochs).toEqual([...new Set(epochs)].toSorted((a, b) => a - b));
            const old = before.models.get(name)?.versions ?? [];
            expect(model.versions.slice(0, old.length).map(({ digest }) => digest)).toEqual(
              old.map(({ digest }) => digest),
            );
          }
        }
      }),
    );
  });

  it('never tries a version that serves or is not staged, nor two canaries; every change of what answers is told', () => {
    fc.assert(
      fc.property(logs, (events) => {
        let state = emptyRegistryState;
        for (const event of events) {
          const before = state;
          state = applyRegistryEvent(state, event);
          for (const [name, { challengers, versions, serving, revision, epoch }] of state.models) {
            const tried = challengers.map(({ version }) => version);
            expect(new Set(tried).size).toBe(tried.length);
            expect(tried.filter((version) => versions[version - 1]?.stage !== 'staging')).toEqual([]);
            expect(challengers.filter(({ role }) => role === 'canary').length).toBeLessThanOrEqual(1);
            const old = before.models.get(name);
            const same = isDeepStrictEqual([old?.serving ?? null, old?.challengers ?? []], [serving, challengers]);
            expect(revision - (old?.revision ?? 0)).toBe(same ? 0 : 1);
            expect(epoch === (old?.epoch ?? 0)).toBe(isDeepStrictEqual(old?.serving ?? null, serving));
          }
        }
      }),
    );
  });

  it('gives the same state when events come again, and when it is replayed', () => {
    fc.assert(
      fc.property(logs, fc.nat(), (events, place) => {
        const live = replay(events);
        expect(replay(events)).toEqual(live);
        const at = place % (events.length + 1);
        const repeated = [...events.slice(0, at), ...events.slice(0, at), ...events.slice(at), ...events];
        expect(replay(repeated)).toEqual(live);
      }),
    );
  });

  it('is not changed by what it was', () => {
    const frozen = (value: unknown): void => {
      if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
      Object.freeze(value);
      for (const inner of value instanceof Map ? value.values() : Object.values(value)) frozen(inner);
    };
    fc.assert(
      fc.property(logs, (events) => {
        let state = emptyRegistryState;
        for (const event of events) {
          frozen(state);
          state = applyRegistryEvent(state, event);
        }
      }),
      { numRuns: 30 },
    );
  });
});
