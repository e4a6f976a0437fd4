import { describe, expect, it } from 'vitest';
import { type Action, initialState, kept, type Lists, reduce, type State } from './state.ts';
import { example, exampleEvent } from './testing/examples.ts';
import type { GatewayEvent, Model, Run, Swap } from './wire.ts';

const model: Model = {
  model: 'reviews',
  labels: ['negative', 'positive'],
  serving: { version: 1, epoch: 1 },
  versions: [{ version: 1, stage: 'production', createdAt: '2026-03-01T10:00:00.000Z', digest: 'a9', metrics: {} }],
};
const run: Run = {
  runId: 'reviews-1',
  model: 'reviews',
  status: 'refused',
  version: 3,
  startedAt: '2026-03-10T04:00:00.000Z',
  finishedAt: '2026-03-10T04:13:20.000Z',
  metrics: {},
  reason: 'Gate minimum-recall',
  by: 'policy:drift',
};
const swap: Swap = {
  model: 'reviews',
  epoch: 2,
  version: 2,
  fromVersion: 1,
  instance: 'inference-a',
  servingAt: '2026-03-08T12:00:04.000Z',
  firstOffsets: [],
  device: 'cpu',
};
const noLists: Lists = {
  drift: [],
  performance: [],
  rolling: undefined,
  decisions: [],
  fired: [],
  swaps: [],
  runs: [],
};

const after = (state: State, ...actions: Action[]) => actions.reduce(reduce, state);
const events = (state: State, ...told: GatewayEvent[]) =>
  after(state, ...told.map((event): Action => ({ type: 'event', event })));
const looking = after(initialState, { type: 'models', models: [model] });

describe('models', () => {
  it('looks at the first one until another is chosen', () => {
    const two = after(looking, { type: 'models', models: [model, { ...model, model: 'mail' }] });
    expect(two.model).toBe('reviews');
    expect(after(two, { type: 'model', model: 'mail' }).model).toBe('mail');
  });

  it('forgets one model with the choice of another, and lists that come late for it', () => {
    const seen = events(looking, exampleEvent('drift-reports', 'drift'));
    const other = after(seen, { type: 'model', model: 'mail' });
    expect(other.drift).toEqual([]);
    const lists = { ...noLists, drift: seen.drift };
    expect(after(other, { type: 'lists', model: 'reviews', lists }).drift).toEqual([]);
  });

  it('leaves a model that is gone', () => {
    const chosen = after(looking, { type: 'model', model: 'gone' });
    expect(after(chosen, { type: 'models', models: [model] }).model).toBe('reviews');
  });

  it('serves another version with its event, never an older epoch', () => {
    const swapped = events(looking, exampleEvent('model-versions', 'promote'));
    expect(swapped.models?.[0]?.serving).toMatchObject({ version: 2, epoch: 2 });
    expect(events(swapped, exampleEvent('model-versions', 'first')).models?.[0]?.serving?.version).toBe(2);
  });
});

describe('events', () => {
  it('restate a window; an older statement that comes late changes nothing', () => {
    const restated = exampleEvent('drift-reports', 'restated');
    const first = exampleEvent('drift-reports', 'drift');
    for (const told of [
      [first, restated],
      [restated, first],
    ]) {
      const { drift } = events(looking, ...told);
      expect(drift.map(({ revision }) => revision)).toEqual([1]);
    }
  });

  it('keep rolling figures apart from windows', () => {
    const { performance, rolling } = events(
      looking,
      exampleEvent('performance-reports', 'after-swap'),
      exampleEvent('performance-reports', 'window'),
      exampleEvent('performance-reports', 'rolling'),
    );
    expect(performance.map(({ labelled }) => labelled)).toEqual([128, 90]);
    expect(rolling?.scope).toBe('rolling');
  });

  it('of other models are not of this page', () => {
    const other = { name: 'drift-reports', data: example('drift-reports', 'drift', { model: 'mail' }) } as const;
    expect(events(looking, other)).toBe(looking);
  });

  it('and lists say the same thing once', () => {
    const told = events(
      looking,
      exampleEvent('trigger-decisions', 'fired'),
      exampleEvent('trigger-decisions', 'held'),
      exampleEvent('registry-events', 'promoted'),
      { name: 'swaps', data: { ...swap, firstOffsets: [{ partition: 0, offset: 812 }] } },
    );
    const listed = { ...swap, action: 'promote', promotedAt: '2026-03-08 12:00:00.000', promotedBy: 'policy:drift' };
    const lists = { ...noLists, decisions: [example('trigger-decisions', 'fired')], swaps: [listed], runs: [run] };
    const { decisions, fired, swaps, audit } = after(told, { type: 'lists', model: 'reviews', lists });
    expect(decisions.map(({ outcome }) => outcome)).toEqual(['fired', 'held']);
    expect(fired).toHaveLength(1);
    expect(swaps).toEqual([{ ...listed, firstOffsets: [{ partition: 0, offset: 812 }] }]);
    expect(audit.map(({ kind }) => kind)).toEqual(['refused', 'run-started', 'promoted', 'version-registered']);
  });

  it('tell of a refusal after the version it is about, which is registered when its run has finished', () => {
    const registered = { version: 3, createdAt: '2026-03-10T04:13:20.002Z' };
    const versions = model.versions.map((version) => ({ ...version, ...registered }));
    const state = after(looking, { type: 'models', models: [{ ...model, versions }] });
    const { audit } = after(state, { type: 'lists', model: 'reviews', lists: { ...noLists, runs: [run] } });
    expect(audit.map(({ kind }) => kind)).toEqual(['refused', 'version-registered', 'run-started']);
  });
});

describe('serving', () => {
  it('keeps the last word of each instance, whatever the order and the form of the time', () => {
    const told = events(
      looking,
      ...['requested', 'serving-all-partitions', 'warm', 'failed'].map((name) => exampleEvent('serving-status', name)),
    );
    expect(told.serving.map(({ instance, state }) => [instance, state])).toEqual([
      ['inference-b', 'failed'],
      ['inference-a', 'serving'],
    ]);
    const before = { ...example('serving-status', 'first'), at: 1772366402000 };
    const ready = { ready: true, idle: true, reasons: [] };
    const status = { ...ready, apps: { inference: { ...ready, serving: [before] } }, lags: {} };
    expect(after(told, { type: 'status', status }).serving).toEqual(told.serving);
  });
});

describe('memory', () => {
  it('stays bounded however long the page is open', () => {
    const point = { textsPerSecond: 1, predictionsPerSecond: 1, labelsPerSecond: 0 };
    let state = looking;
    for (let i = 0; i < 2 * kept.throughput; i++) {
      const at = new Date(i * 1000).toISOString();
      state = events(
        state,
        { name: 'throughput', data: { ...point, at } },
        { name: 'trigger-decisions', data: example('trigger-decisions', 'not-met', { id: String(i), decidedAt: at }) },
        { name: 'registry-events', data: example('registry-events', 'alias-set', { id: String(i), at }) },
        {
          name: 'drift-reports',
          data: example('drift-reports', 'stable', { id: String(i), windowStart: at, windowEnd: at }),
        },
        { name: 'serving-status', data: example('serving-status', 'first', { instance: String(i) }) },
      );
    }
    expect(state.throughput).toHaveLength(kept.throughput);
    expect(state.throughput.at(-1)?.at).toBe('1970-01-01T00:09:59.000Z');
    expect(state.decisions).toHaveLength(kept.decisions);
    expect(state.audit).toHaveLength(kept.audit);
    expect(state.drift).toHaveLength(kept.windows);
    expect(state.drift.at(-1)?.id).toBe('599');
    expect(state.serving).toHaveLength(50);
  });
});
