"""The xDS server: how gRPC clients of `xds:///NAME` learn of workloads. Only this package knows envoy's messages."""
