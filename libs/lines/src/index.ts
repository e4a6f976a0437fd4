export { fileLines } from './file-lines.ts';
export type { Line, LineFormat, LineOptions } from './line.ts';
