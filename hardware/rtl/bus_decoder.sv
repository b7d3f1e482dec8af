// What a die understands of the in-bus between steps: see bus.sv. In a step the bytes are x or h,
// and the phase says which.
module bus_decoder #(
    parameter int CONTEXT_BITS = 2
) (
    input  logic                    clk,
    input  logic                    reset,
    input  logic [7:0]              row,
    input  logic [7:0]              col,
    input  logic                    idle,      // no step is running
    input  logic                    take,
    input  logic                    flag,
    input  logic [7:0]              data,
    // CONFIG
    output logic [7:0]              columns,   // C; 0 if there is no CONFIG, or this die has no part in it
    output logic [7:0]              row_units, // nu
    output logic [7:0]              units,     // real ones
    output logic [7:0]              x_slice,   // nx
    output logic [7:0]              h_slice,   // nh
    output logic [15:0]             inputs,    // NI
    output logic [15:0]             hidden,    // NH
    // Pulses, with what they are about. `data` is valid beside them.
    output logic                    start,
    output logic                    clear,
    output logic [CONTEXT_BITS-1:0] context_id, // of both
    output logic                    write,     // a data byte of WRITE
    output logic [7:0]              region,    // of WRITE and READ
    output logic [15:0]             address,
    output logic                    read,
    output logic [15:0]             bytes
);
    logic        selected;
    logic [7:0]  command;
    logic [3:0]  count;            // bytes behind the command, up to 15
    logic [71:0] arguments;        // the newest on top
    logic [71:0] configuration;
    logic [CONTEXT_BITS-1:0] last_context;

    wire argument = take && !flag && idle;
    wire [71:0] with_this = {data, arguments[71:8]};

    function automatic logic is_meant(input logic [7:0] wanted, input logic [7:0] strap);
        is_meant = wanted == bus::ANY || wanted == strap;
    endfunction

    assign {hidden, inputs, h_slice, x_slice, units, row_units} = configuration[71:8];
    assign columns = col < configuration[7:0] ? configuration[7:0] : 8'd0;

    assign start = argument && command == bus::START && count == 4'd0 && columns != 8'd0;
    assign clear = argument && command == bus::CLEAR && count == 4'd0;
    assign context_id = start || clear ? data[CONTEXT_BITS-1:0] : last_context;

    // The arguments of WRITE stay on top of their register while its data come.
    assign write = argument && command == bus::WRITE && count == 4'd3 && selected;
    assign read = argument && command == bus::READ && count == 4'd4 && selected;
    assign region = read ? with_this[39:32] : arguments[55:48];
    assign address = read ? with_this[55:40] : arguments[71:56];
    assign bytes = with_this[71:56];

    wire stays = command == bus::WRITE && count == 4'd3;

    always_ff @(posedge clk) begin
        if (reset) begin
            selected <= 1'b0;
            command <= bus::NONE;
            count <= 4'd0;
            configuration <= '0;
        end else if (take && flag && idle) begin
            command <= data;
            count <= 4'd0;
        end else if (argument && !stays) begin
            if (count != 4'd15) count <= count + 4'd1;
            arguments <= with_this;
            if (command == bus::SELECT && count == 4'd1)
                selected <= is_meant(arguments[71:64], row) && is_meant(data, col);
            if (command == bus::CONFIG && count == 4'd8 && selected) configuration <= with_this;
        end
        if (start || clear) last_context <= data[CONTEXT_BITS-1:0];
    end
endmodule
