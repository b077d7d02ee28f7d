//! The stand-in over a real socket.
