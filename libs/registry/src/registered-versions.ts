import type { ModelState, RegisteredVersion } from './registry-state.ts';
import type { Stage } from './stages.ts';

/** Versions are numbered from 1 without gaps. */
export function versionOf({ versions }: ModelState, version: number | null): RegisteredVersion | undefined {
  return versions[(version ?? 0) - 1];
}

export function withStage(
  versions: readonly RegisteredVersion[],
  version: number,
  stage: Stage,
): readonly RegisteredVersion[] {
  const found = versions[version - 1];
  return found === undefined ? versions : versions.with(version - 1, { ...found, stage });
}
