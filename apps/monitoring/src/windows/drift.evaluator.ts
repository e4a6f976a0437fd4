import type { ClickHouse } from '#libs/clickhouse';
import type { DriftReport } from '#libs/events';
import type { Clock, Configuration } from '#libs/platform';
import { buildReference, compareWindow, type Reference } from '#libs/statistics';
import type { ClosedWindows } from './closed-windows.ts';
import type { TimeWindow } from './window-plan.ts';
import { epochsOf, textFeatures } from './window.queries.ts';

export interface DriftEvaluatorOptions {
  clickhouse: ClickHouse;
  config: Configuration['monitoring'];
  clock: Clock;
}

/** Compares windows with the frozen reference of the epoch that answered them. */
export class DriftEvaluator {
  readonly #options: DriftEvaluatorOptions;
  /** By model; only the newest epoch's reference is kept. */
  readonly #references = new Map<string, { epoch: number; end: number; reference: Reference }>();

  constructor(options: DriftEvaluatorOptions) {
    this.#options = options;
  }

  /** The statement about one window, as revision 0; `closed` holds what was said about the windows before it. */
  async evaluate(model: string, window: TimeWindow, closed: ClosedWindows): Promise<DriftReport> {
    const { clickhouse, config, clock } = this.#options;
    const epochs = await epochsOf(clickhouse, model, window);
    const epoch = epochs[0]?.epoch ?? 0;
    const features = await textFeatures(clickhouse, model, { ...window, epoch, limit: config.window.maximumTexts });
    const common = {
      id: `${model}:${window.start}:${window.end}`,
      model,
      version: epochs[0]?.version ?? 0,
      epoch,
      windowStart: window.start,
      windowEnd: window.end,
      revision: 0,
      texts: epochs.reduce((sum, { texts }) => sum + texts, 0),
      createdAt: clock.now(),
    };
    const reference = await this.#reference(model, epoch, { closed, before: window.start });
    if (reference === undefined) {
      const shares = sharesOf(features.map(({ predicted }) => predicted));
      const expectedAccuracy =
        features.reduce((sum, { confidence }) => sum + confidence, 0) / Math.max(1, features.length);
      const reason = `the first ${config.reference.texts} texts answered by version ${common.version} are being collected as its reference`;
      return {
        ...common,
        referenceTexts: 0,
        verdict: 'collecting',
        reason,
        statistics: [],
        movements: [],
        predictedShares: shares,
        expectedAccuracy,
      };
    }
    return {
      ...common,
      referenceTexts: reference.texts,
      ...compareWindow(reference, features, config.drift),
    };
  }

  async #reference(
    model: string,
    epoch: number,
    { closed, before }: { closed: ClosedWindows; before: number },
  ): Promise<Reference | undefined> {
    const known = this.#references.get(model);
    if (known?.epoch === epoch && before >= known.end) return known.reference;
    const { clickhouse, config } = this.#options;
    const collected = closed.reference(epoch, config.reference.texts);
    // A window that is itself part of the reference stays so; restated, it changes the reference.
    if (collected === undefined || !collected.complete || before < collected.span.end) {
      if (known?.epoch === epoch) this.#references.delete(model);
      return undefined;
    }
    const texts = await textFeatures(clickhouse, model, {
      ...collected.span,
      epoch,
      limit: config.window.maximumTexts,
    });
    const { seed, draws } = config.drift;
    const reference = buildReference(texts, { windowSize: config.window.minimumTexts, seed, draws });
    this.#references.set(model, { epoch, end: collected.span.end, reference });
    return reference;
  }
}

function sharesOf(labels: readonly string[]): Record<string, number> {
  const classes = [...Map.groupBy(labels, (label) => label)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(classes.map(([label, own]) => [label, own.length / labels.length]));
}
