"""What every gRPC server and client here shares: status translation, servers, channels."""
