// Package service runs the command as a service of the operating system where that asks for more than
// a process: on Windows. systemd asks for nothing.
package service
