// Sends what is meant for Microsoft's hosts to the simulated tenant, in this process only: the
// machine's own resolution of names stays as it is.
const net = require('node:net');
const port = Number(process.env.SIMTENANT_PORT);
const hosts = /(^|\.)(microsoftonline\.com|graph\.microsoft\.com|outlook\.office365\.com|microsoft\.com|windows\.net|sharepoint\.com)$/;
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  const o = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (o && typeof o === 'object' && hosts.test(o.host ?? '')) {
    o.host = '127.0.0.1'; o.port = port; delete o.lookup;
  }
  return connect.apply(this, args);
};
