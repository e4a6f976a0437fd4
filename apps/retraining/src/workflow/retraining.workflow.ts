import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClickHouse } from '#libs/clickhouse';
import { fetchEncoder } from '#libs/embedded';
import { type RetrainingRequest, versionName } from '#libs/events';
import { type Bundle, type HostModel, hostModel } from '#libs/model';
import { type Configuration, type Logger, type Metrics, milliseconds, reasonOf, TidemillError } from '#libs/platform';
import type { ArtifactStore, RegisteredVersion, Registry } from '#libs/registry';
import type { Stream } from '#libs/stream';
import { retrainingError } from '../errors.ts';
import { embedTexts } from './embed-texts.ts';
import { type Champion, evaluateVersion } from './evaluate-version.ts';
import { type Gate, hostGates, qualityGates } from './gates.ts';
import { goldenTextsOf } from './golden-texts.ts';
import {
  encoderOf,
  labelCutOffOf,
  lineageOf,
  qualityGatesOf,
  type RegistryLineage,
  registryLineage,
} from './lineage.ts';
import type { Progress } from './progress.ts';
import { type Snapshot, takeSnapshot } from './snapshot.ts';
import { storedPatience, untilStored } from './stored.ts';
import { train, type Trained } from './train.ts';
import { divide, type TrainingData } from './training-data.ts';
import { tryHost } from './try-host.ts';
import { writeVersion } from './write-version.ts';

export interface WorkflowOptions {
  stream: Stream;
  clickhouse: ClickHouse;
  registry: Registry;
  store: ArtifactStore;
  config: Configuration;
  logger: Logger;
  metrics: Metrics;
  progress: Progress;
}

const hostFailures: ReadonlySet<string> = new Set(['MODEL_HOST_EXITED', 'MODEL_HOST_TIMEOUT']);

/** One request being worked on. */
interface Work {
  request: RetrainingRequest;
  runId: string;
  signal: AbortSignal;
}

/** A version in the store, not yet registered. */
interface Built {
  bundle: Bundle;
  metrics: Record<string, number>;
  lineage: RegistryLineage;
}

/**
 * From a request to a promotion, a canary or a refusal, one request at a time:
 *
 *   1 snapshot   data sets and labelled texts up to the cut-off, under a digest
 *   2 divide     duplicates out; no text and no group on both sides
 *   3 train      in a process of its own
 *   4 evaluate   new version and champion on the held-out texts, with the code that serves
 *   5 bundle     graph, manifest, figures, card, lineage: into the store under its digest
 *   6 register   run finished, version registered with what the quality gates said
 *   7 gates      quality; not passed: refused, the version is archived
 *   8 host       staged, and run in a real host: golden texts and latency; not passed: refused
 *   9 promote    the registry tells topic model-versions, and inference swaps; with `retraining.canary.share`, where a
 *                version serves, the new one becomes its canary and ends the request with that
 *
 * A crash up to 6 starts the request again at 1: nothing was told to anybody, and the same data and seed make the same
 * bytes. A crash after 6 goes on at 7 with the version that was registered for the request. A request that was promoted,
 * refused or led to a canary has ended and is not started again, so there are never two promotions of one request.
 */
export class RetrainingWorkflow {
  readonly #options: WorkflowOptions;
  /** Requests over which a model host has ended or hung. */
  readonly #hostFailed = new Set<string>();

  constructor(options: WorkflowOptions) {
    this.#options = options;
  }

  /** Resolves when the request has ended in the registry, well or badly. @throws the signal's reason, or what may pass. */
  async run(request: RetrainingRequest, signal: AbortSignal): Promise<void> {
    const { registry, logger, metrics, progress, config } = this.#options;
    const { model, id: requestId, policy, reason, requestedBy: by } = request;
    // Inference may not have been told.
    if (registry.ended(model, requestId) !== undefined) return await registry.announce(model);
    const parameters = { policy, seed: String(config.retraining.seed) };
    const runId = await registry.startRun({ model, requestId, parameters, by, reason });
    metrics.increment('tidemill_retraining_requests_total', { model });
    metrics.set('tidemill_retraining_running', 1, { model });
    progress.begin(request);
    try {
      const work = { request, runId, signal };
      const before = registry.model(model)?.versions.find((version) => version.requestId === requestId);
      await this.#judge(work, before ?? (await this.#make(work)));
    } catch (error) {
      // What may pass (a broker, a database) is tried again by the caller; the rest ends the request.
      if (signal.aborted || this.#mayPass(requestId, error)) throw error;
      // Promoted or archived by hand meanwhile: what people decide counts.
      if (registry.ended(model, requestId) !== undefined) return;
      logger.error({ model, requestId, reason: reasonOf(error) }, 'retraining failed');
      await registry.failRun(runId, reasonOf(error));
    } finally {
      metrics.set('tidemill_retraining_running', 0, { model });
      progress.end();
    }
  }

  /** A host that fails twice over the same texts, as with a champion too slow to evaluate, would hold up all other requests. */
  #mayPass(requestId: string, error: unknown): boolean {
    if (!(error instanceof TidemillError) || !error.retriable) return false;
    if (!hostFailures.has(error.code)) return true;
    const before = this.#hostFailed.has(requestId);
    this.#hostFailed.add(requestId);
    return !before;
  }

  /** Steps 1 to 6. */
  async #make(work: Work): Promise<RegisteredVersion> {
    const { progress } = this.#options;
    progress.enter('snapshot', 'collecting labelled texts');
    const snapshot = await this.#snapshot(work);
    const data = divide(snapshot.texts, this.#options.config.retraining.holdoutShare);
    if (data.holdout.length === 0)
      throw retrainingError('NOTHING_TO_EVALUATE', { detail: `${snapshot.texts.length} labelled texts` });
    progress.enter('train', `${data.training.length} texts`);
    const trained = await this.#train(work, data);
    progress.enter('evaluate', `${data.holdout.length} held-out texts`);
    const built = await this.#build(work, { snapshot, data, trained });
    progress.enter('register', '');
    return await this.#register(work, built);
  }

  /** Steps 7 to 9. */
  async #judge(work: Work, registered: RegisteredVersion): Promise<void> {
    const { registry, store, config, metrics, progress } = this.#options;
    const { model, id: requestId, requestedBy: by, reason } = work.request;
    const { version, digest } = registered;
    const quality = qualityGatesOf(registered.lineage);
    progress.gates(quality);
    if (quality.some(({ passed }) => !passed)) return await this.#refuse(work, registered, quality);

    progress.enter('host', 'opening the version in a host');
    if (registered.stage === 'none') {
      const passed = 'passed the quality gates';
      await registry.changeStage({ model, version, stage: 'staging', by, reason: passed, requestId });
    }
    const bundle = await store.bundle(digest);
    if (bundle === undefined) throw retrainingError('VERSION_LOST', { detail: versionName(model, version) });
    const tried = await tryHost(bundle, this.#hostOptions(work.signal));
    const gates = [...quality, ...hostGates(tried, config.retraining.gates)];
    progress.gates(gates);
    if (gates.some(({ passed }) => !passed)) return await this.#refuse(work, registered, gates);

    const better = gates.find(({ name }) => name === 'macro-f1')?.detail;
    const decision = { model, version, requestId, by, reason: better === undefined ? reason : `${reason}; ${better}` };
    const { share } = config.retraining.canary;
    const name = versionName(model, version);
    if (share > 0 && registry.model(model)?.serving !== null) {
      progress.enter('canary', name);
      const replacing = `${name} has passed its gates and takes its place`;
      return await registry.challenge({ ...decision, role: 'canary', share, replacing });
    }
    progress.enter('promote', name);
    await registry.promote(decision);
    metrics.increment('tidemill_promotions_total', { model });
  }

  async #snapshot({ request, signal }: Work): Promise<Snapshot> {
    const { stream, clickhouse, registry, store, config, logger } = this.#options;
    const { model, labelCutOff } = request;
    if (!(await untilStored(stream.admin, { patience: storedPatience, signal })))
      logger.warn({ model }, 'monitoring does not keep up: labels that it has not stored yet are not trained on');
    const datasets = registry.model(model)?.datasets.map(({ digest }) => digest) ?? [];
    const { groupAttribute } = config.retraining;
    return await takeSnapshot({ clickhouse, store, groupAttribute }, { model, datasets, labelCutOff });
  }

  async #train({ request, signal }: Work, { training }: TrainingData): Promise<Trained> {
    const { config, store, progress } = this.#options;
    const { seed, trainingTimeout } = config.retraining;
    const texts = training.map(({ text }) => text);
    const labels = training.map(({ label }) => label);
    const groups = training.map(({ group }) => group);
    const onProgress = (share: number, detail: string) => progress.advance(share, detail);
    const options = { timeout: milliseconds(trainingTimeout), signal, onProgress };
    const name = this.#encoderName(request);
    if (name === undefined) return await train({ texts, labels, groups, seed }, options);

    const encoder = await fetchEncoder(name, { config, signal, onProgress: (text) => progress.advance(0, text) }).catch(
      // Tried several times by now. Requests are worked on one after the other: others are not to wait for a network.
      (cause: unknown) => Promise.reject(retrainingError('ENCODER_UNREACHABLE', { detail: reasonOf(cause), cause })),
    );
    return await store.withTemporary(async (folder) => {
      const cacheFolder = join(config.dataDirectory, 'artifacts', 'embeddings');
      const goldenTexts = goldenTextsOf(texts, 'word '.repeat(encoder.maximumTokens).trimEnd());
      const host = this.#hostOptions(signal);
      const embedded = await embedTexts(encoder, [...texts, ...goldenTexts], { folder, cacheFolder, host, onProgress });
      const request = { texts, labels, groups, seed, embedded: { ...embedded, goldenTexts } };
      return { ...(await train(request, options)), encoder, tokenizer: await readFile(encoder.tokenizerPath) };
    });
  }

  /** The encoder that was asked for, or that of the version that serves; where none serves, of the newest. */
  #encoderName({ model, encoder }: RetrainingRequest): string | undefined {
    if (encoder !== null) return encoder;
    const { serving = null, versions = [] } = this.#options.registry.model(model) ?? {};
    const before = serving === null ? versions.at(-1) : versions.find(({ version }) => version === serving.version);
    return encoderOf(before?.lineage);
  }

  async #build(
    { request, signal }: Work,
    made: { snapshot: Snapshot; data: TrainingData; trained: Trained },
  ): Promise<Built> {
    const { store, config } = this.#options;
    const { snapshot, data, trained } = made;
    const lineage = await lineageOf(snapshot, config.retraining, trained.encoder);
    const champion = await this.#champion(request.model);
    return await store.withTemporary(async (folder) => {
      const challenger = await storeGraph(folder, trained);
      const resamples = config.monitoring.performance.bootstrapResamples;
      const options = { host: this.#hostOptions(signal), resamples, seed: config.retraining.seed };
      const evaluated = await evaluateVersion({ challenger, champion }, data.holdout, options);
      const gates = qualityGates(evaluated.evaluation, evaluated.champion?.comparison, config.retraining.gates);
      const { model } = request;
      const parts = { model, championName: champion?.name, data, trained, evaluated, gates, lineage };
      const bundle = await writeVersion(folder, parts);
      await store.addBundle(bundle.directory, bundle.digest);
      const metrics = { ...evaluated.metrics, trainingTexts: data.training.length };
      return { bundle, metrics, lineage: await registryLineage(lineage, { request, snapshot, gates, config }) };
    });
  }

  async #register({ request, runId }: Work, { bundle, metrics, lineage }: Built): Promise<RegisteredVersion> {
    const { registry } = this.#options;
    const { model, id: requestId, requestedBy: by, reason } = request;
    const { digest, manifest, files } = bundle;
    await registry.finishRun(runId, { metrics, artifacts: { ...files }, lineage });
    const { labels } = manifest;
    const version = await registry.registerVersion({
      model,
      runId,
      requestId,
      digest,
      labels,
      metrics,
      lineage,
      by,
      reason,
    });
    const registered = registry.version(model, version);
    if (registered === undefined) throw retrainingError('VERSION_LOST', { detail: versionName(model, version) });
    return registered;
  }

  /** The version that serves, as a host opens it. */
  async #champion(model: string): Promise<(Champion & { name: string }) | undefined> {
    const { registry, store, logger } = this.#options;
    const serving = registry.model(model)?.serving ?? null;
    if (serving === null) return undefined;
    const name = versionName(model, serving.version);
    const bundle = await store.bundle(serving.digest);
    if (bundle === undefined) {
      logger.error({ champion: name }, 'the serving version is not in the store: nothing to compare with');
      return undefined;
    }
    const labelCutOff = labelCutOffOf(registry.version(model, serving.version)?.lineage);
    return { name, model: hostModel(bundle), labelCutOff };
  }

  async #refuse({ request, runId }: Work, { version }: RegisteredVersion, gates: readonly Gate[]): Promise<void> {
    const { model, id: requestId } = request;
    const failed = gates.filter(({ passed }) => !passed);
    const reason = failed.map(({ name, detail }) => `${name}: ${detail}`).join('; ');
    await this.#options.registry.refuse({ model, version, runId, requestId, by: 'gates', reason });
    this.#options.metrics.increment('tidemill_refusals_total', { model });
  }

  #hostOptions(signal: AbortSignal) {
    const { executionProviders, threads } = this.#options.config.inference;
    return { executionProviders, threads, signal };
  }
}

/** The graph beside where its bundle will be written: what is evaluated is the file that is shipped. */
async function storeGraph(folder: string, { onnx, tokenizer, facts }: Trained): Promise<HostModel> {
  const modelPath = join(folder, 'model.onnx');
  await writeFile(modelPath, onnx);
  if (tokenizer !== undefined) await writeFile(join(folder, 'tokenizer.json'), tokenizer);
  const { labels, input, output, temperature, goldenTexts } = facts;
  return { modelPath, labels, input, output, temperature, goldenTexts };
}
