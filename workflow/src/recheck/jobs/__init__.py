"""What a job asks for: memory, time, cores, processes of environments, and the rates behind them."""
