import { userInfo } from 'node:os';
import { usageError } from '../cli-error.ts';
import { GatewayClient } from '../gateway-client.ts';
import { parseModelName, parseVersionName } from '../names.ts';
import type { CommonOptions } from '../options.ts';
import { note, printJson, printLine, printTable } from '../output.ts';
import { followRequest, type Outcome, tellOutcome } from './follow-request.ts';

export interface Version {
  version: number;
  stage: string;
  createdAt: string;
  digest: string;
  metrics: Record<string, number>;
  lineage?: unknown;
  card?: string;
  parameters?: Record<string, string>;
}

export interface Model {
  model: string;
  labels: string[];
  serving: { version: number; epoch: number; since?: string } | null;
  challengers: { version: number; role: string; share: number; since: string }[];
  versions: Version[];
}

export async function listModels(options: CommonOptions): Promise<void> {
  const client = await GatewayClient.open(options);
  const answer = await client.json<{ models: Model[] }>('/v1/models');
  if (options.json === true) return printJson(answer);
  printTable(
    ['model', 'serving', 'epoch', 'since', 'versions', 'labels'],
    answer.models.map(({ model, serving, versions, labels }) => [
      model,
      serving === null ? null : `${model}@${serving.version}`,
      serving?.epoch ?? null,
      serving?.since ?? null,
      versions.length,
      labels.join(', ').slice(0, 60),
    ]),
  );
}

interface Discordant {
  onlyChampionRight: number;
  onlyChallengerRight: number;
}

interface Comparison extends Discordant {
  epoch: number;
  champion: number;
  challenger: number;
  role: string | null;
  instances: { state: string; error: string | null }[];
  labels: number;
  championRight: number;
  challengerRight: number;
  shownByChampion: Discordant;
  shownByChallenger: Discordant;
  evidenceOfBetter: number;
  evidenceOfWorse: number;
  decisiveEvidence: number;
}

export async function showModel(name: string, options: CommonOptions): Promise<void> {
  const { model, version } = parseModelName(name);
  const client = await GatewayClient.open(options);
  if (version !== undefined) {
    const answer = await client.json<Version>(`/v1/models/${model}/versions/${version}`);
    if (options.json === true) return printJson(answer);
    return showVersion(model, answer);
  }
  const answer = await client.json<Model>(`/v1/models/${model}`);
  if (options.json === true) return printJson(answer);
  const serving = answer.serving === null ? 'nothing yet' : `${model}@${answer.serving.version}`;
  printLine(`${model} serves ${serving}; classes: ${answer.labels.join(', ')}`);
  const tried = answer.challengers.length > 0;
  const comparisons = tried
    ? (await client.json<{ items: Comparison[] }>(`/v1/models/${model}/comparisons`)).items
    : [];
  for (const { version, role, share, since } of answer.challengers) {
    const answers = role === 'canary' ? `answers ${share * 100} % of the texts` : 'answers beside';
    printLine(`${model}@${version} is a ${role} since ${since} and ${answers}`);
    for (const line of silenceOf(comparisons.find(({ challenger }) => challenger === version))) printLine(`  ${line}`);
  }
  if (tried) printComparisons(model, comparisons);
  printTable(
    ['version', 'stage', 'accuracy', 'macro-F1', 'created', 'digest'],
    answer.versions.map(({ version, stage, metrics, createdAt, digest }) => [
      `${model}@${version}`,
      stage,
      metrics['accuracy'] ?? null,
      metrics['macroF1'] ?? null,
      createdAt,
      digest.slice(0, 12),
    ]),
  );
}

/** Where it does not answer although it is tried: an instance leaves alone, and at last gives up, one that fails. */
function silenceOf({ instances }: Pick<Comparison, 'instances'> = { instances: [] }): string[] {
  const failed = instances.filter(({ state }) => state === 'failed').map(({ error }) => error ?? 'no reason is known');
  if (failed.length === 0) return [];
  return [`does not answer in ${failed.length} of ${instances.length} instances: ${[...new Set(failed)].join('; ')}`];
}

/** On the labels of texts that both answered; nobody was shown a shadow, so that labels are no evidence about it. */
function printComparisons(model: string, comparisons: readonly Comparison[]): void {
  printTable(
    [
      'champion',
      'challenger',
      'epoch',
      'labels',
      'only champion right (shown)',
      'only challenger right (shown)',
      'gain',
      'better',
      'worse',
    ],
    comparisons.map((one) => [
      `${model}@${one.champion}`,
      `${model}@${one.challenger}`,
      one.epoch,
      one.labels,
      `${one.onlyChampionRight} (${one.shownByChampion.onlyChampionRight})`,
      `${one.onlyChallengerRight} (${one.shownByChallenger.onlyChallengerRight})`,
      one.labels === 0 ? null : (one.challengerRight - one.championRight) / one.labels,
      ...[one.evidenceOfBetter, one.evidenceOfWorse].map((value) =>
        one.role === 'shadow' ? null : evidence(value, one.decisiveEvidence),
      ),
    ]),
  );
}

/** Evidence so far, of what decides. */
function evidence(value: number, decisive: number): string {
  return value >= decisive ? 'clearly' : `${value.toPrecision(2)} of ${decisive}`;
}

function showVersion(model: string, { version, stage, createdAt, digest, metrics, card, lineage }: Version): void {
  printLine(`${model}@${version}  ${stage}  ${createdAt}\ndigest ${digest}\n`);
  printTable(['metric', 'value'], Object.entries(metrics));
  if (card !== undefined) printLine(`\n${card.trim()}`);
  // The card tells it; offsets, code and configuration are in --json.
  if (card === undefined && lineage !== undefined) printLine(`\nlineage\n${JSON.stringify(lineage, undefined, 2)}`);
}

export interface TransitionOptions extends CommonOptions {
  reason?: string;
  to?: string;
}

export async function promote(name: string, options: TransitionOptions): Promise<void> {
  const { model, version } = parseVersionName(name);
  await transition(`/v1/models/${model}/versions/${version}/promote`, options);
  if (options.json !== true) printLine(`${name} is promoted`);
}

export async function archive(name: string, options: TransitionOptions): Promise<void> {
  const { model, version } = parseVersionName(name);
  await transition(`/v1/models/${model}/versions/${version}/archive`, options);
  if (options.json !== true) printLine(`${name} is archived`);
}

export interface ChallengeOptions extends TransitionOptions {
  stop?: boolean;
}

export async function shadow(name: string, options: ChallengeOptions): Promise<void> {
  if (options.stop === true) return withdraw(name, 'shadow', options);
  const { model, version } = parseVersionName(name);
  await transition(`/v1/models/${model}/versions/${version}/shadow`, options);
  if (options.json !== true) printLine(`${name} is a shadow`);
}

export async function canary(name: string, options: ChallengeOptions & { share: string }): Promise<void> {
  if (options.stop === true) return withdraw(name, 'canary', options);
  const { model, version } = parseVersionName(name);
  const share = Number(options.share);
  if (!Number.isFinite(share)) throw usageError(`--share ${options.share} is no number`);
  await transition(`/v1/models/${model}/versions/${version}/canary`, options, { share });
  if (options.json !== true) printLine(`${name} is the canary and answers ${share} of the texts`);
}

async function withdraw(name: string, role: 'shadow' | 'canary', options: ChallengeOptions): Promise<void> {
  const { model, version } = parseVersionName(name);
  await transition(`/v1/models/${model}/versions/${version}/withdraw`, options, { role });
  if (options.json !== true) printLine(`${name} is withdrawn`);
}

export async function rollback(name: string, options: TransitionOptions): Promise<void> {
  const { model } = parseModelName(name);
  const to = options.to === undefined ? {} : { to: parseVersionName(`${model}@${options.to}`).version };
  const { version } = await transition<{ version?: number }>(`/v1/models/${model}/rollback`, options, to);
  if (options.json !== true)
    printLine(`${model} is rolled back${version === undefined ? '' : ` to ${model}@${version}`}`);
}

async function transition<T>(path: string, options: TransitionOptions, more = {}): Promise<T> {
  const client = await GatewayClient.open(options);
  const reason = options.reason === undefined ? {} : { reason: options.reason };
  const answer = await client.post<T>(path, { ...more, ...reason, by: userInfo().username });
  if (options.json === true) printJson(answer);
  return answer;
}

export interface TrainOptions extends CommonOptions {
  encoder?: string;
  wait?: boolean;
  reason?: string;
}

/** `tidemill train M`: asks for a retraining, and with --wait stays until it is decided. */
export async function train(name: string, options: TrainOptions): Promise<void> {
  const { model } = parseModelName(name);
  const client = await GatewayClient.open(options);
  const { encoder, reason } = options;
  const ask = () => requestTraining(client, model, { encoder, reason });
  if (options.wait !== true) {
    const answer = await ask();
    if (options.json === true) return printJson(answer);
    return printLine(`asked for a new version of ${model}: request ${answer.id}`);
  }
  report(await followRequest(client, ask), options);
}

export interface Requested {
  id: string;
}

export function requestTraining(
  client: GatewayClient,
  model: string,
  body: Record<string, unknown>,
): Promise<Requested> {
  return client.post<Requested>(`/v1/models/${model}/retraining-requests`, {
    ...body,
    requestedBy: userInfo().username,
  });
}

/** Prints how it ended; a refusal or failure is exit 1. */
export function report(outcome: Outcome, options: CommonOptions): void {
  if (options.json === true) printJson(outcome);
  else printLine(tellOutcome(outcome));
  if (outcome.kind === 'refused' || outcome.kind === 'run-failed') process.exitCode = 1;
}

/** `tidemill models diff A B`: what one version has over the other. */
export async function diff(left: string, right: string, options: CommonOptions): Promise<void> {
  const names = [parseVersionName(left), parseVersionName(right)];
  const client = await GatewayClient.open(options);
  const [a, b] = await Promise.all(
    names.map(({ model, version }) => client.json<Version>(`/v1/models/${model}/versions/${version}`)),
  );
  if (a === undefined || b === undefined) return;
  const metrics = [...new Set([...Object.keys(a.metrics), ...Object.keys(b.metrics)])].toSorted();
  const rows = metrics.map((name) => {
    const [from, to] = [a.metrics[name] ?? null, b.metrics[name] ?? null];
    return { metric: name, left: from, right: to, difference: from === null || to === null ? null : to - from };
  });
  const live = await liveComparisons(client, names);
  if (options.json === true) return printJson({ left, right, sameBundle: a.digest === b.digest, metrics: rows, live });
  if (a.digest === b.digest) note('both are the same bundle');
  printTable(
    ['metric', left, right, 'difference'],
    rows.map((row) => [row.metric, row.left, row.right, row.difference]),
  );
  if (live.length > 0) printComparisons(names[0]?.model ?? '', live);
}

/** Of two versions of one model, on live labels. */
async function liveComparisons(
  client: GatewayClient,
  [a, b]: readonly { model: string; version: number }[],
): Promise<Comparison[]> {
  if (a === undefined || b === undefined || a.model !== b.model || a.version === b.version) return [];
  const path = `/v1/models/${a.model}/comparisons?a=${a.version}&b=${b.version}`;
  return (await client.json<{ items: Comparison[] }>(path)).items;
}
