export { directoryOwner } from './directory-lock.ts';
export { type EmbeddedStack, type EmbeddedStackOptions, startEmbeddedStack } from './embedded-stack.ts';
