import type { ClickHouse } from '#libs/clickhouse';
import type { DriftReport, PerformanceReport } from '#libs/events';
import { evaluatePredictions } from '#libs/evaluation';
import type { Clock, Configuration } from '#libs/platform';
import { labelledTexts, type LabelledText, lastLabelledTexts } from '../windows/window.queries.ts';

export interface PerformanceEvaluatorOptions {
  clickhouse: ClickHouse;
  config: Configuration['monitoring'];
  clock: Clock;
}

/** Any moment after every label. */
const everyLabel = 10_413_792_000_000;

/** Turns predictions beside labels into performance reports. */
export class PerformanceEvaluator {
  readonly #options: PerformanceEvaluatorOptions;

  constructor(options: PerformanceEvaluatorOptions) {
    this.#options = options;
  }

  /** What all labels so far say about a closed window; undefined while none of its texts is labelled. */
  async ofWindow(window: DriftReport): Promise<PerformanceReport | undefined> {
    const { model, version, epoch, windowStart, windowEnd } = window;
    const span = { start: windowStart, end: windowEnd, epoch, labelledUntil: everyLabel };
    const texts = await labelledTexts(this.#options.clickhouse, model, span);
    return this.#report({ model, version, epoch, scope: 'window', windowStart, windowEnd }, texts);
  }

  /** What the last labelled texts of the serving version say, looking at labels given up to `at` (epoch milliseconds). */
  async rolling(model: string, at: number): Promise<PerformanceReport | undefined> {
    const limit = this.#options.config.performance.rollingLabels;
    const texts = await lastLabelledTexts(this.#options.clickhouse, model, { labelledUntil: at, limit });
    const [first] = texts;
    if (first === undefined) return undefined;
    const windowStart = Math.min(...texts.map(({ occurredAt }) => occurredAt));
    return this.#report(
      { model, version: first.version, epoch: first.epoch, scope: 'rolling', windowStart, windowEnd: at },
      texts,
    );
  }

  #report(
    of: Pick<PerformanceReport, 'model' | 'version' | 'epoch' | 'scope' | 'windowStart' | 'windowEnd'>,
    texts: readonly LabelledText[],
  ): PerformanceReport | undefined {
    const labelled = texts.filter(({ actual }) => actual !== '');
    if (labelled.length === 0) return undefined;
    const { bootstrapResamples } = this.#options.config.performance;
    const figures = evaluatePredictions(labelled, {
      resamples: bootstrapResamples,
      seed: this.#options.config.drift.seed,
    });
    return {
      id: performanceId(of),
      ...of,
      revision: 0,
      texts: texts.length,
      labelled: labelled.length,
      labelCoverage: labelled.length / texts.length,
      accuracy: figures.accuracy,
      macroF1: figures.macroF1,
      classes: figures.classes,
      expectedAccuracy: texts.reduce((sum, { confidence }) => sum + confidence, 0) / texts.length,
      createdAt: this.#options.clock.now(),
    };
  }
}

/** The name of a statement: of one window, or of the last labels at one moment. */
export function performanceId({
  model,
  scope = 'window',
  windowStart,
  windowEnd,
}: {
  model: string;
  scope?: string;
  windowStart: number;
  windowEnd: number;
}): string {
  return `${model}:${scope}:${scope === 'window' ? windowStart : ''}:${windowEnd}`;
}
