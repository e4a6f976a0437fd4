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
      parameters: fc.constantFrom({}, { labels: '["a"]' }, { labels: '{' }),
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
