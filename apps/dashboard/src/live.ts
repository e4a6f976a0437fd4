import { followEvents } from './event-stream.ts';
import { ask, keepToken, Refused } from './gateway.ts';
import { kept, type State } from './state.ts';
import type { Store } from './store.ts';
import type {
  Comparison,
  DeadLetter,
  Decision,
  DriftReport,
  GatewayEvent,
  Model,
  Page,
  PerformanceReport,
  Run,
  Swap,
  SystemStatus,
} from './wire.ts';

export interface Live {
  look(model: string): void;
  useToken(token: string): void;
}

const eventNames = new Set<string>([
  'hello',
  'throughput',
  'retraining',
  'swaps',
  'drift-reports',
  'performance-reports',
  'trigger-decisions',
  'model-versions',
  'serving-status',
  'registry-events',
] satisfies GatewayEvent['name'][]);

/** How often what no event tells is asked for: lags, readiness, dead letters. */
const askEvery = 4000;
/** One promotion is several events: the registry is asked once after them. */
const settleFor = 400;
/** Newest dead letters shown. */
const shownLetters = 8;

/** Keeps the store what the gateway says, from now on. */
export function goLive(store: Store): Live {
  let connection = new AbortController();
  let lists = new AbortController();
  let settling: ReturnType<typeof setTimeout> | undefined;

  const onEvent = (name: string, data: string) => {
    if (!eventNames.has(name)) return;
    const event = { name, data: JSON.parse(data) } as GatewayEvent;
    store.dispatch({ type: 'event', event });
    if (event.name === 'hello') {
      store.dispatch({ type: 'connection', connection: { phase: 'live', reason: '' } });
      // Events missed while away came with the connection, where the gateway still had them.
      if (!event.data.resumed) void readAll();
      void readStatus();
    }
    if (event.name === 'model-versions' || event.name === 'registry-events') {
      clearTimeout(settling);
      settling = setTimeout(() => void afterRegistryEvent().catch(ignore), settleFor);
    }
  };
  const onLost = ({ status, message }: Refused) => {
    if (status !== 401) {
      store.dispatch({ type: 'connection', connection: { phase: 'lost', reason: message } });
      return;
    }
    store.dispatch({ type: 'connection', connection: { phase: 'token', reason: message } });
    connection.abort();
  };
  const connect = () => {
    connection.abort();
    connection = new AbortController();
    void followEvents({ signal: connection.signal, onEvent, onLost });
  };

  async function readAll(): Promise<void> {
    try {
      const wanted = modelOfAddress();
      if (wanted !== undefined) store.dispatch({ type: 'model', model: wanted });
      await readModels();
      await readLists();
    } catch {
      // Asked for again until it comes, as long as this connection lives: the next one asks anyhow.
      const { signal } = connection;
      setTimeout(() => void (signal.aborted || store.state.connection.phase !== 'live' || readAll()), askEvery);
    }
  }

  async function readModels(): Promise<void> {
    const { models } = await ask<{ models: Model[] }>('v1/models', connection.signal);
    store.dispatch({ type: 'models', models });
    await readComparisons();
  }

  async function readComparisons(): Promise<void> {
    const { model, models, comparisons } = store.state;
    const tried = models?.find((one) => one.model === model)?.challengers ?? [];
    if (model === undefined || (tried.length === 0 && comparisons.length === 0)) return;
    const { items } = await ask<{ items: Comparison[] }>(
      `v1/models/${encodeURIComponent(model)}/comparisons`,
      connection.signal,
    );
    store.dispatch({ type: 'comparisons', model, comparisons: items });
  }

  async function afterRegistryEvent(): Promise<void> {
    await readModels();
    const { model, loaded } = store.state;
    if (!loaded) await readLists();
    else if (model !== undefined)
      store.dispatch({ type: 'runs', model, runs: await readRuns(model, connection.signal) });
  }

  async function readLists(): Promise<void> {
    const { model } = store.state;
    if (model === undefined) return;
    lists.abort();
    lists = new AbortController();
    const { signal } = lists;
    const page = async <T>(list: string, query = `limit=${kept.decisions}`) =>
      (await ask<Page<T>>(`v1/models/${encodeURIComponent(model)}/${list}?${query}`, signal)).items;
    const [drift, performance, rolling, decisions, fired, swaps, runs] = await Promise.all([
      page<DriftReport>('drift-reports', `limit=${kept.windows}`),
      page<PerformanceReport>('performance-reports', `scope=window&limit=${kept.windows}`),
      page<PerformanceReport>('performance-reports', 'scope=rolling&limit=1'),
      page<Decision>('decisions'),
      page<Decision>('decisions', `outcome=fired&limit=${kept.decisions}`),
      page<Swap>('swaps'),
      readRuns(model, signal),
    ]);
    store.dispatch({
      type: 'lists',
      model,
      lists: { drift, performance, rolling: rolling[0], decisions, fired, swaps, runs },
    });
  }

  async function readStatus(): Promise<void> {
    if (store.state.connection.phase !== 'live') return;
    const { signal } = connection;
    await ask<SystemStatus>('v1/status', signal)
      .then((status) => store.dispatch({ type: 'status', status }))
      .catch(ignore);
    await readComparisons().catch(ignore);
    await readDeadLetters(signal, store.state.deadLetters)
      .then((deadLetters) => store.dispatch({ type: 'dead-letters', deadLetters }))
      .catch(ignore);
  }

  connect();
  setInterval(() => {
    if (document.visibilityState === 'visible') void readStatus();
  }, askEvery);
  return {
    look(model) {
      store.dispatch({ type: 'model', model });
      history.replaceState(null, '', `#${encodeURIComponent(model)}`);
      void readLists().catch(ignore);
    },
    useToken(token) {
      keepToken(token);
      store.dispatch({ type: 'connection', connection: { phase: 'connecting', reason: '' } });
      connect();
    },
  };
}

async function readRuns(model: string, signal: AbortSignal): Promise<Run[]> {
  const { runs } = await ask<{ runs: Run[] }>('v1/runs', signal);
  return runs.filter((run) => run.model === model).sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
}

/** The letters themselves are only read again when their number has changed. */
async function readDeadLetters(signal: AbortSignal, before: State['deadLetters']): Promise<State['deadLetters']> {
  const { topics } = await ask<{ topics: { topic: string; waiting: number }[] }>('v1/dead-letters', signal);
  if (JSON.stringify(topics) === JSON.stringify(before?.topics)) return before;
  const waiting = topics.filter((one) => one.waiting > 0);
  const pages = await Promise.all(
    waiting.map(({ topic }) => ask<Page<DeadLetter>>(`v1/dead-letters/${topic}?limit=${shownLetters}`, signal)),
  );
  const newest = pages.flatMap(({ items }) => items).sort((a, b) => ((a.failedAt ?? '') < (b.failedAt ?? '') ? 1 : -1));
  return { topics, newest: newest.slice(0, shownLetters) };
}

function modelOfAddress(): string | undefined {
  const name = decodeURIComponent(location.hash.slice(1));
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(name) ? name : undefined;
}

/** What fails here is asked for again soon; that the gateway is away is said by the event stream. */
function ignore(): void {}
