export { ArtifactStore } from './artifact-store.ts';
export { answeredByCanary } from './canary-share.ts';
export { largestShare } from './challengers.ts';
export { confusionMatrixSvg } from './confusion-matrix-svg.ts';
export { registryError } from './errors.ts';
export { createMaterialise, type Materialise } from './materialise.ts';
export { type CardFigures, type CardGate, modelCard, type ModelCardFacts } from './model-card.ts';
export { type Decider, Registry, type RegistryDependencies } from './registry.ts';
export { applyRegistryEvent, decideRegistryEvent, type Decision } from './registry-reducer.ts';
export {
  type AnsweringChange,
  type Challenger,
  emptyRegistryState,
  type EndedRequest,
  type ModelState,
  type RegisteredDataset,
  type RegisteredModel,
  type RegisteredVersion,
  type RegistryState,
  type Run,
  type RunStatus,
  type ServingChange,
  type ServingVersion,
} from './registry-state.ts';
export { legalTransitions, type Transition } from './serving-events.ts';
export { settableStages, type Stage, transitions } from './stages.ts';
export { versionSigning, VersionSigner, VersionVerifier } from './version-signature.ts';
export { unpackTar } from './unpack-tar.ts';
