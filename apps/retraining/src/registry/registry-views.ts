import type { RegisteredModel, RegisteredVersion, Run } from '#libs/registry';

const time = (at: number) => new Date(at).toISOString();

/** A version as the REST surface shows it. */
export function versionView({ version, stage, digest, createdAt, ...rest }: RegisteredVersion) {
  const { runId, requestId, createdBy, reason, metrics, labels } = rest;
  const about = { runId, requestId, createdBy, reason };
  return { version, stage, createdAt: time(createdAt), digest, labels, metrics, ...about };
}

/** A model as the REST surface shows it, versions oldest first. */
export function modelView({ model, labels, serving, challengers, previous, versions, ...rest }: RegisteredModel) {
  const { aliases, datasets } = rest;
  return {
    model,
    labels,
    serving: serving === null ? null : { ...serving, since: time(serving.since) },
    challengers: challengers.map((challenger) => ({ ...challenger, since: time(challenger.since) })),
    previous,
    aliases,
    datasets: datasets.map(({ digest, texts, addedBy, addedAt }) => ({
      digest,
      texts,
      addedBy,
      addedAt: time(addedAt),
    })),
    versions: versions.map(versionView),
  };
}

/** A run as the REST surface shows it. */
export function runView({ startedAt, finishedAt, ...run }: Run) {
  return { ...run, startedAt: time(startedAt), finishedAt: finishedAt === null ? null : time(finishedAt) };
}
