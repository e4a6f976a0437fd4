export { clientGone } from './client-gone.ts';
export { type HttpAppOptions, type RunningApp, startHttpApp } from './http-app.ts';
export { type FieldProblem, Problem, type ProblemDocument } from './problem.ts';
export { sendProblem, toProblem } from './problem-filter.ts';
