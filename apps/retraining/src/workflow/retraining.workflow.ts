import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClickHouse } from '#libs/clickhouse';
import { type RetrainingRequest, versionName } from '#libs/events';
import { type Bundle, type HostModel, hostModel, ModelHost } from '#libs/model';
import { type Configuration, type Logger, type Metrics, milliseconds, reasonOf, TidemillError } from '#libs/platform';
import type { ArtifactStore, Registry } from '#libs/registry';
import { retrainingError } from '../errors.ts';
import { evaluateVersion } from './evaluate-version.ts';
import { type Gate, hostGates, qualityGates } from './gates.ts';
import { lineageOf, registryLineage } from './lineage.ts';
import type { Progress } from './progress.ts';
import { takeSnapshot } from './snapshot.ts';
import { train } from './train.ts';
import { divide } from './training-data.ts';
import { writeVersion } from './write-version.ts';

export interface WorkflowOptions {
  clickhouse: ClickHouse;
  registry: Registry;
  store: ArtifactStore;
  config: Configuration;
  logger: Logger;
  metrics: Metrics;
  progress: Progress;
}

/** Texts answered one by one in the host test. */
const latencyTexts = 20;

/**
 * From a request to a promotion or a refusal, one request at a time:
 *
 *   1 snapshot   data sets and labelled texts up to the cut-off, under a digest
 *   2 divide     duplicates out; no text and no group on both sides
 *   3 train      in a process of its own
 *   4 evaluate   new version and champion on the held-out texts, with the code that serves
 *   5 bundle     graph, manifest, figures, card, lineage: into the store under its digest
 *   6 register   run finished, version registered
 *   7 gates      quality; not passed: refused, the version is archived
 *   8 host       staged, and run in a real host: golden texts and latency; not passed: refused
 *   9 promote    the registry tells topic model-versions, and inference swaps
 *
 * A crash anywhere starts the request again at 1. Up to 5 nothing was told to anybody, and the same data and seed make
 * the same bytes. From 6 on every step is told to the registry under the run or the request and counts once: the version
 * registered before the crash is found again by run and digest, and a request that was promoted or refused has ended
 * and is not started again. So there are never two promotions of one request.
 */
export class RetrainingWorkflow {
  readonly #options: WorkflowOptions;

  constructor(options: WorkflowOptions) {
    this.#options = options;
  }

  /** Resolves when the request has ended in the registry, well or badly. @throws the signal's reason, or what may pass. */
  async run(request: RetrainingRequest, signal: AbortSignal): Promise<void> {
    const { registry, logger, metrics, progress } = this.#options;
    const { model, id: requestId, reason, requestedBy: by } = request;
    if (registry.ended(model, requestId) !== undefined) return;
    metrics.increment('tidemill_retraining_requests_total', { model });
    metrics.set('tidemill_retraining_running', 1, { model });
    progress.begin(request);
    const parameters = { policy: request.policy, seed: String(this.#options.config.retraining.seed) };
    const runId = await registry.startRun({ model, requestId, parameters, by, reason });
    try {
      await this.#run(request, runId, signal);
    } catch (error) {
      // What may pass (a broker, a database) is tried again by the caller; the rest ends the request.
      if (signal.aborted || (error instanceof TidemillError && error.retriable)) throw error;
      logger.error({ model, requestId, reason: reasonOf(error) }, 'retraining failed');
      await registry.failRun(runId, reasonOf(error));
    } finally {
      metrics.set('tidemill_retraining_running', 0, { model });
      progress.end();
    }
  }

  async #run(request: RetrainingRequest, runId: string, signal: AbortSignal): Promise<void> {
    const { registry, store, config, progress } = this.#options;
    const { seed, holdoutShare, groupAttribute, gates: limits, trainingTimeout } = config.retraining;
    const { model, id: requestId, requestedBy: by } = request;

    progress.enter('snapshot', 'collecting labelled texts');
    const datasets = registry.model(model)?.datasets.map(({ digest }) => digest) ?? [];
    const sources = { clickhouse: this.#options.clickhouse, store, groupAttribute };
    const snapshot = await takeSnapshot(sources, { model, datasets, labelCutOff: request.labelCutOff });
    const data = divide(snapshot.texts, holdoutShare);
    if (data.holdout.length === 0)
      throw retrainingError('NOTHING_TO_EVALUATE', { detail: `${snapshot.texts.length} labelled texts` });

    progress.enter('train', `${data.training.length} texts`);
    const trained = await train(
      {
        texts: data.training.map(({ text }) => text),
        labels: data.training.map(({ label }) => label),
        groups: data.training.map(({ group }) => group),
        seed,
      },
      {
        timeout: milliseconds(trainingTimeout),
        signal,
        onProgress: (share, detail) => progress.advance(share, detail),
      },
    );

    progress.enter('evaluate', `${data.holdout.length} held-out texts`);
    const lineage = await lineageOf(snapshot, config.retraining);
    const champion = await this.#champion(model);
    const built = await store.withTemporary(async (folder) => {
      const challenger = await storeGraph(folder, trained);
      const models = { challenger, champion: champion?.model };
      const evaluated = await evaluateVersion(models, data.holdout, {
        host: this.#hostOptions(signal),
        resamples: config.monitoring.performance.bootstrapResamples,
        seed,
      });
      const gates = qualityGates(evaluated.evaluation, evaluated.champion?.comparison, limits);
      const parts = { model, championName: champion?.name, data, trained, evaluated, gates, lineage };
      const bundle = await writeVersion(folder, parts);
      await store.addBundle(bundle.directory, bundle.digest);
      return { bundle, gates, metrics: { ...evaluated.metrics, trainingTexts: data.training.length } };
    });

    progress.enter('register', '');
    progress.gates(built.gates);
    const { digest, manifest, files } = built.bundle;
    const kept = await registryLineage(lineage, { request, snapshot, config: config.retraining });
    const artifacts = Object.fromEntries(Object.entries(files).map(([name, sha256]) => [name, sha256]));
    await registry.finishRun(runId, { metrics: built.metrics, artifacts, lineage: kept });
    const { labels } = manifest;
    const registered = { model, runId, requestId, digest, labels, metrics: built.metrics, lineage: kept, by };
    const version = await registry.registerVersion({ ...registered, reason: request.reason });
    const about = { model, version, runId, requestId };
    if (built.gates.some(({ passed }) => !passed)) return await this.#refuse(about, built);

    progress.enter('host', 'opening the version in a host');
    await registry.changeStage({ model, version, stage: 'staging', by, reason: 'passed the quality gates', requestId });
    const longest = data.holdout.toSorted((a, b) => b.text.length - a.text.length).slice(0, latencyTexts);
    const directory = store.bundleDirectory(digest) ?? built.bundle.directory;
    const host = await this.#tryHost(
      { ...built.bundle, directory },
      longest.map(({ text }) => text),
      signal,
    );
    const gates = [...built.gates, ...hostGates(host, limits)];
    const metrics = { ...built.metrics, latencyMilliseconds: host.slowestMilliseconds };
    progress.gates(gates);
    if (gates.some(({ passed }) => !passed)) return await this.#refuse(about, { gates, metrics });

    progress.enter('promote', versionName(model, version));
    await registry.promote({ model, version, requestId, by, reason: promotionReason(request, gates) });
    this.#options.metrics.increment('tidemill_promotions_total', { model });
  }

  /** The version that serves, as a host opens it. */
  async #champion(model: string): Promise<{ name: string; model: HostModel } | undefined> {
    const { registry, store } = this.#options;
    const serving = registry.model(model)?.serving ?? null;
    if (serving === null) return undefined;
    const bundle = await store.bundle(serving.digest);
    if (bundle === undefined) return undefined;
    return { name: versionName(model, serving.version), model: hostModel(bundle) };
  }

  async #refuse(
    about: { model: string; version: number; runId: string; requestId: string },
    { gates, metrics }: { gates: readonly Gate[]; metrics: Record<string, number> },
  ): Promise<void> {
    const failed = gates.filter(({ passed }) => !passed);
    const reason = failed.map(({ name, detail }) => `${name}: ${detail}`).join('; ');
    await this.#options.registry.refuse({ ...about, metrics, by: 'gates', reason });
    this.#options.metrics.increment('tidemill_refusals_total', { model: about.model });
  }

  /** Opens the version as inference would, from the store, and answers texts one by one. */
  async #tryHost(bundle: Bundle, texts: readonly string[], signal: AbortSignal) {
    try {
      await using host = await ModelHost.open(hostModel(bundle), this.#hostOptions(signal));
      let slowestMilliseconds = 0;
      for (const text of texts) {
        const started = performance.now();
        await host.classify([text]);
        slowestMilliseconds = Math.max(slowestMilliseconds, performance.now() - started);
      }
      return { reproduced: true, slowestMilliseconds };
    } catch (error) {
      if (error instanceof TidemillError && error.code === 'MODEL_REFUSED')
        return { reproduced: false, slowestMilliseconds: 0 };
      throw error;
    }
  }

  #hostOptions(signal: AbortSignal) {
    const { executionProviders, threads } = this.#options.config.inference;
    return { executionProviders, threads, signal };
  }
}

/** The graph beside where its bundle will be written: what is evaluated is the file that is shipped. */
async function storeGraph(
  folder: string,
  { onnx, facts }: { onnx: Uint8Array; facts: Omit<HostModel, 'modelPath'> },
): Promise<HostModel> {
  const modelPath = join(folder, 'model.onnx');
  await writeFile(modelPath, onnx);
  return { modelPath, ...facts };
}

function promotionReason({ reason }: RetrainingRequest, gates: readonly Gate[]): string {
  const macroF1 = gates.find(({ name }) => name === 'macro-f1');
  return macroF1 === undefined ? reason : `${reason}; ${macroF1.detail}`;
}
