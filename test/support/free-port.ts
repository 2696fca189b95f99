export { freePort } from '../../bench/free-port.ts';
