export { freePort, freePorts } from '../../bench/free-port.ts';
