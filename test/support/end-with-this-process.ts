export { endWithThisProcess } from '../../bench/end-with-this-process.ts';
