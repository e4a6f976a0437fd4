import { instant } from './format.ts';
import type { ServingStatus, Swap } from './wire.ts';

/** One serving epoch: the time during which one version is the one to serve. */
export interface EpochColumn {
  epoch: number;
  version: number;
  rollback: boolean;
  /** Epoch milliseconds of the promotion, else of the first swap; NaN while nobody knows. */
  at: number;
  byInstance: ReadonlyMap<string, Swap>;
}

export interface EpochTable {
  /** Oldest first. */
  columns: readonly EpochColumn[];
  /** Those that serve now first; then those that are gone. */
  instances: readonly { name: string; current: ServingStatus | undefined }[];
}

/** Newest epochs shown. */
const shownEpochs = 6;
/** Rows for instances that are gone; a restarted one may come back under another name. */
const shownGone = 2;

/** Which instance served which version when. @param serving the last word of each instance on this model */
export function epochsOf(swaps: readonly Swap[], serving: readonly ServingStatus[]): EpochTable {
  const columns = new Map<number, { swaps: Swap[]; version: number }>();
  for (const swap of swaps) {
    const column = columns.get(swap.epoch) ?? { swaps: [], version: swap.version };
    column.swaps.push(swap);
    columns.set(swap.epoch, column);
  }
  for (const { epoch, version } of serving) if (!columns.has(epoch)) columns.set(epoch, { swaps: [], version });
  const newest = [...columns].sort(([a], [b]) => a - b).slice(-shownEpochs);
  const made = newest.map(([epoch, { version, swaps: of }]): EpochColumn => {
    const taken = of.flatMap((swap) =>
      swap.instance === null || swap.servingAt === null ? [] : [[swap.instance, swap] as const],
    );
    return {
      epoch,
      version,
      rollback: of.some(({ action }) => action === 'rollback'),
      at: earliest(of.map(({ promotedAt }) => promotedAt)) || earliest(of.map(({ servingAt }) => servingAt)),
      byInstance: new Map(taken),
    };
  });
  const current = serving.toSorted((a, b) => (a.instance < b.instance ? -1 : 1));
  const here = new Set(current.map(({ instance }) => instance));
  const gone = made.toReversed().flatMap(({ byInstance }) => [...byInstance.keys()].filter((name) => !here.has(name)));
  return {
    columns: made,
    instances: [
      ...current.map((status) => ({ name: status.instance, current: status })),
      ...[...new Set(gone)].slice(0, shownGone).map((name) => ({ name, current: undefined })),
    ],
  };
}

function earliest(times: readonly (string | null | undefined)[]): number {
  const known = times.map(instant).filter((time) => Number.isFinite(time));
  return known.length === 0 ? Number.NaN : Math.min(...known);
}
